//! What can go wrong with a key, told so that the reader knows what to do about it.

use std::fmt;
use std::io;

use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

use crate::{Key, Keyring};

/// What an [`Error`] is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyName {
    /// A key known by its number.
    Serial(Key),
    /// A key known by what it is called.
    Description(String),
    /// One of the keyrings.
    Keyring(Keyring),
}

/// Why an operation on a key or a keyring failed. Never holds a byte of a payload.
///
/// A variant that stands for one error number does not repeat it; the others keep it as their source.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such key, or no longer.
    NoSuchKey(KeyName),
    /// There is nothing to be found because `@u` here is the one of another user namespace.
    OtherUserNamespace(KeyName),
    /// The key exists, and this process may not do this to it.
    NotPossessed(KeyName),
    /// The program is set-group-id, and the group was taken away when it started.
    GroupLost(KeyName),
    /// The only key of that description belongs to another user, in a session keyring both stand in.
    OtherOwner {
        /// The key.
        name: KeyName,
        /// Whose it is.
        uid: u32,
    },
    /// Its timeout has passed.
    Expired(KeyName),
    /// Somebody revoked it.
    Revoked(KeyName),
    /// The user's key quota is used up.
    Quota,
    /// The kernel, or a filter around this process, has no keyrings to offer.
    Unavailable(io::Error),
    /// The payload does not fit.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// How much there is room for.
        room: usize,
    },
    /// The payload has no bytes.
    Empty,
    /// Read back after adding, the payload is another one.
    ReadBack(KeyName),
    /// Somebody else holds a link to a key that was to be claimed.
    AlsoHeld(Key),
    /// `/proc/keys` does not show a key of this process, so nobody can tell who holds links to it.
    Unseen(Key),
    /// The session keyring belongs to another user.
    SharedSession {
        /// Its owner.
        uid: u32,
    },
    /// The key is not linked in that keyring.
    NotLinked(KeyName),
    /// More than one key answers to the description.
    Several(KeyName),
    /// The operation needs root.
    NotRoot,
    /// The description has a NUL byte or is not one the kernel takes.
    BadDescription(KeyName),
    /// A file of `/proc` could not be read.
    Proc {
        /// Which.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Anything else the kernel said.
    Kernel {
        /// What was tried, after "cannot".
        attempt: &'static str,
        /// With what.
        name: KeyName,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// Reads an error number, and nothing but the number: fit for use behind the seccomp filter.
    pub(crate) fn of(source: io::Error, attempt: &'static str, name: KeyName) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOKEY) => Self::NoSuchKey(name),
            Some(libc::EACCES) => Self::NotPossessed(name),
            Some(libc::EKEYEXPIRED) => Self::Expired(name),
            Some(libc::EKEYREVOKED) => Self::Revoked(name),
            Some(libc::EDQUOT) => Self::Quota,
            Some(libc::ENOSYS) => Self::Unavailable(source),
            _ => Self::Kernel { attempt, name, source },
        }
    }

    /// As [`Error::of`], and asks the kernel what an `EPERM` means: one operation, or all of them.
    pub(crate) fn probed(source: io::Error, attempt: &'static str, name: KeyName) -> Self {
        if source.raw_os_error() == Some(libc::EPERM) {
            if let Err(KeyError::PermissionDenied) = KeyRing::from_special_id(KeyRingIdentifier::User, false)
            {
                return Self::Unavailable(source);
            }
        }
        Self::of(source, attempt, name)
    }
}

/// Gives back the error number that `linux-keyutils` has turned into a word.
pub(crate) fn io(error: KeyError) -> io::Error {
    io::Error::from_raw_os_error(match error {
        KeyError::AccessDenied => libc::EACCES,
        KeyError::QuotaExceeded => libc::EDQUOT,
        KeyError::BadAddress => libc::EFAULT,
        KeyError::InvalidArguments | KeyError::InvalidDescription | KeyError::InvalidIdentifier => {
            libc::EINVAL
        }
        KeyError::KeyExpired => libc::EKEYEXPIRED,
        KeyError::KeyRevoked => libc::EKEYREVOKED,
        KeyError::KeyRejected => libc::EKEYREJECTED,
        KeyError::KeyringDoesNotExist | KeyError::KeyDoesNotExist => libc::ENOKEY,
        KeyError::OutOfMemory => libc::ENOMEM,
        KeyError::OperationNotSupported => libc::EOPNOTSUPP,
        KeyError::WriteError => libc::EIO,
        KeyError::PermissionDenied => libc::EPERM,
        KeyError::MissingFileOrDirectory => libc::ENOENT,
        KeyError::Unknown(number) => number,
    })
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(key) => write!(f, "key {}", key.serial()),
            Self::Description(description) => write!(f, "key '{description}'"),
            Self::Keyring(Keyring::Session) => f.write_str("the session keyring"),
            Self::Keyring(Keyring::Process) => f.write_str("the process keyring"),
            Self::Keyring(Keyring::User) => f.write_str("the user keyring"),
            Self::Keyring(Keyring::Persistent) => f.write_str("the persistent keyring"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchKey(name @ KeyName::Description(_)) => write!(
                f,
                "no {name} in the session, user or persistent keyring of this user; add it with 'signbox add'"
            ),
            Self::NoSuchKey(name) => write!(
                f,
                "{name} is gone: it was removed, or nothing holds it any more; add it again and restart what uses it"
            ),
            Self::OtherUserNamespace(name) => write!(
                f,
                "no {name}, and none can be found: this process is in a user namespace of its own (a container, \
                 flatpak, 'unshare -U', or a hardened systemd user unit), where the user keyring is another, empty \
                 one; start it outside, or add the key inside"
            ),
            Self::NotPossessed(KeyName::Keyring(ring)) => {
                write!(f, "this process may not write to {}", KeyName::Keyring(*ring))
            }
            Self::NotPossessed(name) => write!(
                f,
                "{name} exists, but this process does not possess it: after su, sudo -u, in cron, in a systemd \
                 service and on a LightDM desktop the session keyring is not the one of the login; restart the \
                 program so that it searches again, keep the key in the user keyring, or set KeyringMode=shared in \
                 the unit (a key that another process has claimed, or that withholds link from its possessor, must be \
                 added again; a group key needs the group; one removed a moment ago is soon gone)"
            ),
            Self::GroupLost(name) => write!(
                f,
                "no {name} to be seen, because the set-group-id of this program was dropped when it started: its \
                 parent has no_new_privs set (NoNewPrivileges= in a unit, a sandbox, docker), traces it, or the file \
                 system is mounted nosuid; start it without, or run it as a service of its own user"
            ),
            Self::OtherOwner { name, uid } => write!(
                f,
                "{name} in the session keyring belongs to user {uid}, not to this one, and is not used; the session \
                 keyring is shared (cron, su, sudo -u, LightDM): keep your own key in the user keyring"
            ),
            Self::Expired(name) => write!(f, "{name} has expired; add it again, with a longer timeout if need be"),
            Self::Revoked(KeyName::Keyring(Keyring::Session)) => f.write_str(
                "the session keyring was revoked, as the logout of its session does; log in again, or keep the key \
                 in the user keyring ('--keyring user')",
            ),
            Self::Revoked(name) => write!(f, "{name} was revoked; add it again to use it again"),
            Self::Quota => f.write_str(
                "this user's key quota is used up (200 keys and 20000 bytes for a user who is not root); remove keys, \
                 or let root raise it with 'sysctl kernel.keys.maxkeys=2000 kernel.keys.maxbytes=200000'; \
                 /proc/key-users shows what is in use",
            ),
            Self::Unavailable(source) => write!(
                f,
                "no keyring calls here ({source}): docker's and podman's default seccomp profile refuses them; run \
                 signbox as a service on the host, or start the container with '--security-opt seccomp=FILE' and a \
                 profile that allows keyctl, add_key and request_key"
            ),
            Self::TooLong { length, room } => {
                write!(f, "the payload has {length} bytes and there is room for {room}; add a shorter one")
            }
            Self::Empty => f.write_str("the payload is empty; add the secret as the exchange shows it"),
            Self::ReadBack(name) => write!(
                f,
                "{name} was added, but what is read back is another payload: somebody else is writing to it; add it \
                 again"
            ),
            Self::AlsoHeld(key) => write!(
                f,
                "someone else holds a link to key {}, so claiming it keeps nobody out; take the secret as seen, or \
                 find out who does, and add the key again",
                key.serial()
            ),
            Self::Unseen(key) => write!(
                f,
                "/proc/keys does not show key {}, so nobody can tell whether it is held by others; containers hide \
                 that file: run signbox on the host, or without the claim",
                key.serial()
            ),
            Self::SharedSession { uid } => write!(
                f,
                "the session keyring here belongs to user {uid} and is shared with other users (cron, su, sudo -u, \
                 LightDM): a key in it is theirs too; put it into the user keyring"
            ),
            Self::NotLinked(name) => write!(f, "{name} is not linked in that keyring"),
            Self::Several(name) => {
                write!(f, "several group keys are called so: {name}; remove all but one (see 'signbox list')")
            }
            Self::NotRoot => f.write_str("only root can add a group key; try again with sudo"),
            Self::BadDescription(name) => write!(f, "{name} has a name that the kernel does not take"),
            Self::Proc { path, source } => write!(f, "cannot read '{path}': {source}"),
            Self::Kernel { attempt, name, source } => write!(f, "cannot {attempt} {name}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(source) | Self::Proc { source, .. } | Self::Kernel { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}
