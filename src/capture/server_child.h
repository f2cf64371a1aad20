/* `pprofc serve` beside the program, where PPROFC_HTTP asks for it and nobody else serves. */
#ifndef PP_CAPTURE_SERVER_CHILD_H
#define PP_CAPTURE_SERVER_CHILD_H

/* Have the helper start it at its next turn. */
void pp_server_child_want(void);

/* The helper's: start what is wanted, and end what was started. */
void pp_server_child_tend(void);
void pp_server_child_end(void);

#endif
