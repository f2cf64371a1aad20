/* What stands for a program or library that has no build id: OpenTelemetry's "htlhash", of the
 * file's head, tail and length. */
#ifndef PP_BINARY_FILE_HASH_H
#define PP_BINARY_FILE_HASH_H

#include <stdint.h>

enum { PP_FILE_HASH_CHARS = 32 };

/* That of the regular file at 'path', in hexadecimal.  -ESTALE when it is not the one of number
 * 'inode', or was changed at 'before_ns' (CLOCK_REALTIME) or later: what ran then was another one;
 * -EINVAL when it is no regular file, else a negative errno. */
int pp_file_hash(const char *path, uint64_t inode, uint64_t before_ns,
                 char text[PP_FILE_HASH_CHARS + 1]);

#endif
