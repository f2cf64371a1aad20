/* The few facts of an executable that decide whether it can be preloaded.  Reads only what it needs
 * and trusts nothing of it. */
#ifndef PP_CLI_ELF_FACTS_H
#define PP_CLI_ELF_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct pp_elf_facts {
    bool is_elf;
    bool is_64_bit, is_little_endian;
    uint16_t machine;
    bool is_dynamic;       /* the dynamic loader starts it, or it is the dynamic loader */
    char interpreter[256]; /* PT_INTERP, "" without one */
    bool is_go;            /* made by the Go linker */
    const char *sanitizer; /* "AddressSanitizer" ..., NULL without one; static memory */
    bool links_capture;    /* libpprofc is linked in (looked for in static programs only) */
};

/* The facts of the open file 'descriptor'.  What cannot be read is taken to be absent. */
void pp_elf_facts_read(int descriptor, struct pp_elf_facts *facts_out);

/* "aarch64", "i386" ... for messages. */
const char *pp_elf_machine_name(uint16_t machine);

#endif
