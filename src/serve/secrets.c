/* Reading secrets from files that only their owner reads. */
#include "serve/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

enum { MAX_PEM_BYTES = 256 * 1024 };

/* 'path' whole, to be free()d. */
static int read_pem(const char *path, const char *what, char **text_out, struct pprofc_error *err)
{
    pp_autoclose FILE *file = fopen(path, "re");
    char *text;
    size_t n;

    if (file == NULL)
        return pp_fail(err, -EINVAL, 0, "cannot read the %s '%s': %s", what, path, strerror(errno));
    text = calloc(1, MAX_PEM_BYTES + 1);
    if (text == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the %s", what);
    n = fread(text, 1, MAX_PEM_BYTES, file);
    if (ferror(file) != 0 || n == 0 || n == MAX_PEM_BYTES || strstr(text, "-----BEGIN ") == NULL) {
        free(text);
        return pp_fail(err, -EINVAL, 0, "'%s' is no %s in PEM form (-----BEGIN ..)", path, what);
    }
    *text_out = text;
    return 0;
}

static int read_tls(const char *certificate, const char *key, struct pp_tls *tls,
                    struct pprofc_error *err)
{
    struct stat about;
    int status;

    if (certificate == NULL || key == NULL)
        return pp_fail(err, -EINVAL, 0,
                       "TLS needs a certificate and its key: give both (--tls-cert, --tls-key, or "
                       "PPROFC_TLS_CERT, PPROFC_TLS_KEY)");
    if (stat(key, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & S_IRWXO) != 0)
        return pp_fail(err, -EACCES, 0, "the key '%s' is open to everybody: chmod o= it first",
                       key);
    status = read_pem(certificate, "certificate", &tls->certificate, err);
    if (status == 0)
        status = read_pem(key, "key", &tls->key, err);
    if (status != 0)
        pp_tls_done(tls);
    return status;
}

static const char *named(const char *given, const char *variable)
{
    const char *value = given != NULL ? given : getenv(variable);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

int pp_secrets_read(const struct pp_secret_files *files, struct pp_access *access,
                    struct pp_tls *tls, struct pprofc_error *err)
{
    const char *token = named(files->token, "PPROFC_TOKEN_FILE");
    const char *certificate = named(files->certificate, "PPROFC_TLS_CERT");
    const char *key = named(files->key, "PPROFC_TLS_KEY");
    int status = token != NULL ? pp_access_read_token(access, token, err) : 0;

    if (status == 0 && (certificate != NULL || key != NULL))
        status = read_tls(certificate, key, tls, err);
    return status;
}

void pp_tls_done(struct pp_tls *tls)
{
    if (tls->key != NULL)
        explicit_bzero(tls->key, strlen(tls->key));
    free(tls->certificate);
    free(tls->key);
    *tls = (struct pp_tls){NULL, NULL};
}
