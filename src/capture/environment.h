/* What the environment says: read once, at start; the names are in interface.md and pprofc(7).  No
 * malloc. */
#ifndef PP_CAPTURE_ENVIRONMENT_H
#define PP_CAPTURE_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PP_ENV_MAX_TAKEN = 40, PP_ENV_MAX_COMPLAINTS = 8 };

struct pp_environment {
    bool was_read;
    bool is_secure; /* setuid and the like: everything is ignored */
    bool is_off;    /* PPROFC=off beats everything */
    bool is_on;     /* ENABLE_PROFILING or PPROFC switch it on */
    bool has_wish;  /* they say something that is not "no", though perhaps nothing that we can do */
    uint32_t kinds; /* PPROFC_KIND_*; 0: not said */
    double rate_hz; /* 0: not said */
    double duration_s;
    double cycle_on_s, cycle_s; /* on for the first of every second; 0: always */
    int signo;                  /* toggles; 0: none */
    bool follows;               /* exec'd children too */
    bool block_drops;
    bool heap_peak, heap_mmap, heap_usable, heap_lifetimes;
    uint64_t heap_interval_bytes; /* 0: not said */
    double budget_percent;        /* of the program's CPU time; 0: not said */
    bool has_run_id;
    uint8_t run_id[16];
    char block_libraries[256];
    char output[512];
    bool output_is_any; /* CPUPROFILE's: the name tells no format */
    char log[256];
    char http[256];       /* where `pprofc serve` should listen; "" */
    char token_file[512]; /* for it */
    char history[512];    /* the folder of its windows; "" = none are taken */
    char cycle[64];       /* as it was written, for whoever takes them */
    char keep[64];        /* likewise */
    char flight[256];     /* likewise */
    char export_to[64];   /* where windows are sent; "" = nowhere */
    char delivery[32];    /* for tests of the fall-backs */
    char kernel[32];      /* likewise: deliver as on this Linux, "5.10" */
    char cgroup[256];     /* likewise: the folder in which a cpu.stat tells of throttling */
    char wait_clock[32];  /* likewise: "monotonic" and "twice", as on lesser machines */
    char command[256];    /* path of pprofc, for conversions at the end; "" = look in PATH */

    /* Complaints for a person: unknown names, values that cannot be read. */
    char complaints[PP_ENV_MAX_COMPLAINTS][320];
    uint32_t n_complaints;

    /* What was taken out of the program's environment, to be put back for an exec. */
    const char *taken[PP_ENV_MAX_TAKEN];
    uint32_t n_taken;
    const char *preload_left; /* LD_PRELOAD as it was left, where others are in it; or NULL */
};

extern struct pp_environment pp_environment;

/* Read 'variables' (an environ) into pp_environment, once; later calls do nothing. */
void pp_environment_read(char **variables);

/* Whether it is PPROFC, PPROFC_* or ENABLE_PROFILING. */
bool pp_environment_is_ours(const char *variable);

/* Copy 'text' with its NUL, cut to 'capacity'. */
static inline void pp_copy_text(char *to, size_t capacity, const char *text)
{
    if (memccpy(to, text, '\0', capacity) == NULL)
        to[capacity - 1] = '\0';
}

/* "100", "2.5"; -1 when it is none. */
double pp_environment_number(const char *text);

/* Bytes of "512K", "1MiB", "64kb", "4096": K, M, G are powers of 1024; 0 when it is none. */
uint64_t pp_environment_bytes(const char *text);

/* Seconds of "30s", "500ms", "5m", "1h", "30"; -1 when it is none. */
double pp_environment_duration(const char *text);

/* Per cent of "1%", "0.5%", "0.5"; -1 when it is none. */
double pp_environment_percent(const char *text);

/* 10, 100, 1000 for low, standard, high; -1 otherwise. */
double pp_environment_mode(const char *text);

/* Signal number of "USR2", "SIGUSR2" or "12"; -1 when it is none. */
int pp_environment_signal(const char *text);

#endif
