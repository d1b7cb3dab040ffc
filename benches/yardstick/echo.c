/* The least that a helper on pipes can do: for each line on descriptor 0 a line of 200 bytes on 1.
 * As the signer it reads once and writes once for all lines that came together. */
#include <string.h>
#include <unistd.h>

enum { ANSWER = 200, ROOM = 1 << 16, MOST = ROOM / ANSWER };

static char lines[ROOM], answers[MOST * ANSWER];

static int send(size_t count) {
    const char *from = answers, *to = answers + count * ANSWER;
    while (from < to) {
        ssize_t sent = write(1, from, (size_t)(to - from));
        if (sent <= 0) return 0;
        from += sent;
    }
    return 1;
}

int main(void) {
    memset(answers, 'x', sizeof answers);
    for (int at = 1; at <= MOST; at++) answers[at * ANSWER - 1] = '\n';
    ssize_t got;
    while ((got = read(0, lines, sizeof lines)) > 0) {
        size_t count = 0;
        for (char *at = lines, *end = lines + got; (at = memchr(at, '\n', (size_t)(end - at))); at++)
            if (++count == MOST) {
                if (!send(count)) return 1;
                count = 0;
            }
        if (!send(count)) return 1;
    }
    return got < 0;
}
