//! The ledger of a key: a file in which what was counted survives a signer, shared by all signers of the key.
//!
//! Two regions of a fixed size. Batches with a checksum are appended to one of them; when it is full, all that still counts
//! is written into the other one, under the next generation. A batch that is torn ends what is read, and the next one is
//! written over it: its writer was stopped before any of its signatures left. Everything but opening is to be done between
//! [`Ledger::lock`] and [`Ledger::unlock`]. Behind the walls nothing is allocated: batches are made and read in a room of
//! the caller's, [`ROOM`] bytes.

use nix::fcntl::{FlockArg, OFlag};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

mod batch;

pub use batch::{Batch, Entry, Head};
use batch::{HEADER, Kind, MAGIC, SHORTEST};

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    /// What its batches have in common, and those of no other key.
    key: [u8; 4],
    place: Place,
    head: Head,
    made: bool,
}

/// Where the next batch goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    generation: u64,
    sequence: u64,
    /// Of the region.
    start: u64,
    /// In the region.
    at: u64,
    /// Its region was left, and nobody has begun the next one yet.
    left: bool,
}

impl Place {
    /// Where nothing is: as if a region had been left.
    const NOWHERE: Place = Place { generation: 0, sequence: 0, start: REGION, at: 0, left: true };

    /// The beginning of the other region.
    fn next_region(self) -> Place {
        Place { generation: self.generation + 1, start: REGION - self.start, at: 0, left: false, ..self }
    }

    /// Behind a batch.
    fn behind(self, batch: &Batch<'_>) -> Place {
        let at = self.at + batch.len() as u64;
        Place { sequence: self.sequence + 1, at, left: batch.kind() == Kind::Left, ..self }
    }

    /// Whether a batch that was found here was written as the next one.
    fn is_of(self, batch: &Batch<'_>) -> bool {
        (batch.generation(), batch.sequence()) == (self.generation, self.sequence)
            && (self.at == 0) == (batch.kind() == Kind::Whole)
    }
}

impl Ledger {
    /// Opens a ledger, or makes an empty one, and hands over what is in it. To be done before the walls.
    ///
    /// One that is `shared` is for signers of several users, who have the group in common.
    pub fn open(path: &Path, shared: bool, each: &mut dyn FnMut(Entry)) -> Result<Ledger, String> {
        let file = open_own(path, OpenOptions::new().read(true).write(true).create(true), shared)?;
        let mut ledger = Ledger::of(file, path);
        let opened = ledger.lock().and_then(|()| {
            let begun = ledger.begin(&mut vec![0; ROOM], each);
            ledger.unlock().and(begun)
        });
        match opened {
            Ok(()) => Ok(ledger),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(format!(
                "cannot use {}: it is damaged, or no ledger; find out why, then move it and the log beside it away to \
                 count from nothing",
                path.display()
            )),
            Err(error) => Err(format!("cannot use {}: {error}", path.display())),
        }
    }

    fn of(file: File, path: &Path) -> Ledger {
        let name = path.file_name().unwrap_or_default();
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(name.as_encoded_bytes()).into();
        Ledger { file, key: [a, b, c, d], place: Place::NOWHERE, head: Head::default(), made: false }
    }

    /// Whether there was none before it was opened.
    pub fn is_new(&self) -> bool {
        self.made
    }

    /// Finds the newest region and reads all of it, or begins the first one.
    fn begin(&mut self, room: &mut [u8], each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        if let Some(place) = self.newest(room)? {
            self.place = place;
            self.catch_up(room, each)?;
            return self.check_rest(room);
        }
        self.made = true;
        self.append(room, Head::default(), &mut |_, _| {})?;
        self.sync()
    }

    /// Fails if a later batch stands behind what could be read: then it was not a writer who was stopped.
    fn check_rest(&self, room: &mut [u8]) -> io::Result<()> {
        if self.place.left {
            return Ok(());
        }
        let got =
            self.read_at(&mut room[..(REGION - self.place.at) as usize], self.place.start + self.place.at)?;
        let mut at = 0;
        while let Some(next) = room[at..got].iter().position(|byte| *byte == MAGIC[0]) {
            at += next;
            let later = |batch: Batch<'_>| {
                batch.key() == self.key
                    && batch.generation() == self.place.generation
                    && batch.sequence() >= self.place.sequence
            };
            if Batch::read(&mut room[at..got]).is_some_and(later) {
                return Err(damaged());
            }
            at += 1;
        }
        Ok(())
    }

    /// The beginning of the newest region; nothing if a signer was stopped before its first batch was there.
    fn newest(&self, room: &mut [u8]) -> io::Result<Option<Place>> {
        let mut newest: Option<Place> = None;
        for start in [0, REGION] {
            let here = Place { start, left: false, ..Place::NOWHERE };
            let whole = |batch: &Batch<'_>| batch.kind() == Kind::Whole && batch.key() == self.key;
            let Some(batch) = self.read(here, room)?.filter(whole) else { continue };
            if newest.is_none_or(|newest| newest.generation < batch.generation()) {
                newest = Some(Place { generation: batch.generation(), sequence: batch.sequence(), ..here });
            }
        }
        match newest {
            None if self.file.metadata()?.len() >= SHORTEST as u64 => Err(damaged()),
            newest => Ok(newest),
        }
    }

    /// Keeps every other signer of the key out until [`Ledger::unlock`], or until this process ends.
    #[allow(deprecated)] // what replaces it owns the file, and unlocks it at a time of its own
    pub fn lock(&self) -> io::Result<()> {
        Ok(nix::fcntl::flock(self.fd(), FlockArg::LockExclusive)?)
    }

    /// Lets others in.
    #[allow(deprecated)] // as above
    pub fn unlock(&self) -> io::Result<()> {
        Ok(nix::fcntl::flock(self.fd(), FlockArg::Unlock)?)
    }

    /// Hands over what other signers have written since this one last looked.
    pub fn catch_up(&mut self, room: &mut [u8], each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        loop {
            let place = if self.place.left { self.place.next_region() } else { self.place };
            let Some(batch) =
                self.read(place, room)?.filter(|batch| place.is_of(batch) && batch.key() == self.key)
            else {
                return Ok(());
            };
            (self.place, self.head) = (place.behind(&batch), batch.head());
            for at in 0..batch.count() {
                each(batch.entry(at).ok_or_else(damaged)?);
            }
        }
    }

    /// Where the log of the key ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Writes a batch. `entries` is asked for what has changed or, where a new region is begun, for all there is (true).
    ///
    /// It counts for every signer from now on, and survives the machine from [`Ledger::sync`] on.
    pub fn append(
        &mut self,
        room: &mut [u8],
        head: Head,
        entries: &mut dyn FnMut(bool, &mut Batch<'_>),
    ) -> io::Result<()> {
        if !self.place.left {
            let mut batch =
                Batch::begin(room, Kind::Changes, self.key, self.place.generation, self.place.sequence, head);
            entries(false, &mut batch);
            batch.end()?;
            // There must always be room to say that the region was left.
            if self.place.at + (batch.len() + SHORTEST) as u64 <= REGION {
                return self.write(self.place, &batch);
            }
            let mut batch = Batch::begin(
                room,
                Kind::Left,
                self.key,
                self.place.generation,
                self.place.sequence,
                self.head,
            );
            batch.end()?;
            self.write(self.place, &batch)?;
        }
        let place = self.place.next_region();
        let mut batch = Batch::begin(room, Kind::Whole, self.key, place.generation, place.sequence, head);
        entries(true, &mut batch);
        batch.end()?;
        self.write(place, &batch)
    }

    /// Comes back when all that was written is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    fn write(&mut self, place: Place, batch: &Batch<'_>) -> io::Result<()> {
        self.file.write_all_at(batch.bytes(), place.start + place.at)?;
        (self.place, self.head) = (place.behind(batch), batch.head());
        Ok(())
    }

    /// The whole batch that stands at a place, if one does.
    fn read<'r>(&self, place: Place, room: &'r mut [u8]) -> io::Result<Option<Batch<'r>>> {
        let offset = place.start + place.at;
        // Most often there is nothing, or a short one.
        let mut got = self.read_at(&mut room[..2 * HEADER], offset)?;
        match Batch::len_of(&room[..got]) {
            None => return Ok(None),
            Some(len) if place.at + len as u64 > REGION => return Ok(None),
            Some(len) if len > got => got += self.read_at(&mut room[got..len], offset + got as u64)?,
            Some(_) => {}
        }
        Ok(Batch::read(&mut room[..got]))
    }

    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < room.len() {
            match self.file.read_at(&mut room[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(some) => got += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }
}

/// The ledger and the audit log of a key in a state directory.
pub fn paths(dir: &Path, handle: &str) -> (PathBuf, PathBuf) {
    let name = handle.replace('/', ":");
    (dir.join(format!("{name}.ledger")), dir.join(format!("{name}.audit")))
}

/// Where the log of a key ends, by its ledger; nothing if there is no ledger. Whoever asks holds its lock.
pub fn head(path: &Path) -> Result<Option<Head>, String> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let look = || {
        let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)?;
        let mut ledger = Ledger::of(file, path);
        match ledger.newest(&mut vec![0; ROOM])? {
            None => Ok(Head::default()),
            Some(place) => {
                ledger.place = place;
                ledger.catch_up(&mut vec![0; ROOM], &mut |_| {}).map(|()| ledger.head)
            }
        }
    };
    look().map(Some).map_err(|error: io::Error| format!("cannot read {}: {error}", path.display()))
}

/// Does `work` on the log of a key while all its signers are kept out: it is given where the log ends, and says where it
/// ends now.
pub fn rewrite<E: From<String>>(path: &Path, work: impl FnOnce(Head) -> Result<Head, E>) -> Result<(), E> {
    let mut entries = Vec::new();
    let shared = path.metadata().is_ok_and(|status| status.mode() & 0o070 != 0);
    let mut ledger = Ledger::open(path, shared, &mut |entry| entries.push(entry))?;
    let mut room = vec![0; ROOM];
    let wrong = |error: io::Error| format!("cannot use {}: {error}", path.display());
    ledger.lock().map_err(wrong)?;
    ledger.catch_up(&mut room, &mut |entry| entries.push(entry)).map_err(wrong)?;
    let head = work(ledger.head)?;
    let all =
        &mut |all, batch: &mut Batch<'_>| entries.iter().filter(|_| all).for_each(|entry| batch.push(*entry));
    ledger.append(&mut room, head, all).and_then(|()| ledger.sync()).map_err(wrong)?;
    Ok(())
}

/// Opens a plain file of ours, which nobody else could have put there: with no more rights than it needs.
pub(crate) fn open_own(path: &Path, options: &mut OpenOptions, shared: bool) -> Result<File, String> {
    let mode = if shared { 0o660 } else { 0o600 };
    let flags = OFlag::O_NOFOLLOW.bits();
    let mut open = || {
        let file = options.mode(mode).custom_flags(flags).open(path)?;
        let status = file.metadata()?;
        if !status.is_file() || status.nlink() != 1 {
            return Err(io::Error::other("it is no plain file with one name"));
        }
        if status.mode() & 0o007 != 0 || !shared && status.mode() & 0o077 != 0 {
            return Err(io::Error::other("others have rights to it; take those away with chmod"));
        }
        // What the umask has taken from a new file; of another user's file it is not ours to say.
        if shared && status.mode() & 0o060 != 0o060 {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(file)
    };
    open().map_err(|error| format!("cannot use {}: {error}", path.display()))
}

/// Behind the walls errors must not allocate.
fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// How long a region is: more than twice what there can be to count.
const REGION: u64 = 512 * 1024;
/// The state directory of a machine, for installed signers.
pub const MACHINE: &str = "/var/lib/signbox";
/// How much room batches need.
pub const ROOM: usize = REGION as usize;

#[cfg(test)]
mod tests;
