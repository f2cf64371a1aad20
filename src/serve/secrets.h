/* What a server is given in files: its token, and its certificate with the key. */
#ifndef PP_SERVE_SECRETS_H
#define PP_SERVE_SECRETS_H

#include "serve/access.h"

/* PEM texts; NULL: no TLS. */
struct pp_tls {
    char *certificate, *key;
};

/* Names of files; NULL: what PPROFC_TOKEN_FILE, PPROFC_TLS_CERT and PPROFC_TLS_KEY name, if they
 * do. */
struct pp_secret_files {
    const char *token, *certificate, *key;
};

/* Read what there is.  -EACCES for a key that others may read, -EINVAL for a certificate without
 * key or a file that is none of these. */
int pp_secrets_read(const struct pp_secret_files *files, struct pp_access *access,
                    struct pp_tls *tls, struct pprofc_error *err);

/* Free the texts; the key is wiped. */
void pp_tls_done(struct pp_tls *tls);

#endif
