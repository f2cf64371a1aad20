/* A locale whose decimal point is a comma, made for a test: few systems have one installed. */
#ifndef TESTS_COMMA_LOCALE_H
#define TESTS_COMMA_LOCALE_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char comma_locale_folder[64];

static void comma_locale_forget(void)
{
    char command[128];

    (void)setlocale(LC_ALL, "C");
    if (comma_locale_folder[0] == '\0')
        return;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", comma_locale_folder);
    (void)system(command);
    comma_locale_folder[0] = '\0';
}

/* Choose it for the whole program.  0; or -1 where localedef or its sources are not there. */
static int comma_locale_choose(void)
{
    char command[256], text[8];

    (void)snprintf(comma_locale_folder, sizeof comma_locale_folder, "/tmp/comma-locale-XXXXXX");
    if (mkdtemp(comma_locale_folder) == NULL)
        return -1;
    (void)snprintf(command, sizeof command,
                   "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' 2>'%s/complaints'",
                   comma_locale_folder, comma_locale_folder);
    if (system(command) == 0 && setenv("LOCPATH", comma_locale_folder, 1) == 0 &&
        setlocale(LC_ALL, "de_DE.UTF-8") != NULL) {
        (void)snprintf(text, sizeof text, "%.1f", 0.5);
        if (strcmp(text, "0,5") == 0)
            return 0;
    }
    comma_locale_forget();
    return -1;
}

#endif
