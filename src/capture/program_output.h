/* Where a line of ours goes: PPROFC_LOG, or the program's standard error as it was at the start. */
#ifndef PP_CAPTURE_PROGRAM_OUTPUT_H
#define PP_CAPTURE_PROGRAM_OUTPUT_H

/* Remember which file standard error is. */
void pp_program_output_remember(void);

/* A descriptor for one line, which the caller closes; -1 when there is none: the program has closed
 * it, or made something else of number 2.  Also for the helper, whose table is another. */
int pp_program_output_open(void);

#endif
