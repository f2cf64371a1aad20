/* The text of a source file that a profile names. */
#ifndef PP_VIEWS_SOURCE_FILE_H
#define PP_VIEWS_SOURCE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* Read the file 'name': where it says, unless it is relative, then, without what 'trim_path' takes
 * off, below each folder of 'source_path' with ever less of its own folders.  -ENOENT with the
 * places looked at; -EFBIG; what open() and read() give. */
int pp_source_file_read(const char *name, const char *source_path, const char *trim_path,
                        struct pp_buffer *text, struct pprofc_error *err);

#endif
