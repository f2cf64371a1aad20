/* Finds the functions of the Rust crate parking_lot in which threads wait for its locks: by their
 * names in the files of modules.  The helper's. */
#ifndef PP_CAPTURE_LOCK_CODE_H
#define PP_CAPTURE_LOCK_CODE_H

#include "capture/modules.h"
#include "sigsafe/lock_code.h"

/* What function of a lock a symbol is, by either of rustc's manglings. */
enum pp_lock_code pp_lock_code_of_name(const char *symbol);

/* A module has come: what of it is such code is known from now on (sigsafe/lock_code.h).  Reads its
 * string table, and where that names the crate its symbols; nothing of a module without symbols,
 * or with more than 64 MiB of them. */
void pp_lock_code_learn(const struct pp_mapped_module *module);

/* It has gone. */
void pp_lock_code_forget(const struct pp_mapped_module *module);

#endif
