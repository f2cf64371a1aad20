/* What the command says never commands the terminal. */
#include "cmocka_includes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/messages.h"

/* What is said is this line, whatever the text holds. */
static void assert_said(const char *text, const char *line)
{
    char said[8192] = "";
    int ends[2], before = dup(STDERR_FILENO);

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)dup2(ends[1], STDERR_FILENO);
    pp_complain("%s", text);
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
    (void)close(ends[1]);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    (void)close(ends[0]);
    assert_string_equal(said, line);
}

/* Controls, in one byte or two, and bytes that are no character become '?'; all else stays. */
static void controls_are_shown_as_question_marks(void **state)
{
    (void)state;
    assert_said("a\nb\x1b[31m\t\x7f", "pprofc: a?b?[31m??\n");
    assert_said("\xc2\x9b"
                "31m",
                "pprofc: ??31m\n");
    assert_said("\x9b"
                "31m \xff \xc3",
                "pprofc: ?31m ? ?\n");
    assert_said("caf\xc3\xa9 \xc2\xa0 \xe2\x82\xac \xf0\x9f\x94\xa5",
                "pprofc: caf\xc3\xa9 \xc2\xa0 \xe2\x82\xac \xf0\x9f\x94\xa5\n");
}

/* A text longer than a line is cut, and is still one line. */
static void long_texts_are_cut(void **state)
{
    char text[6000], line[4200];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(line, "pprofc: ", 8);
    memset(line + 8, 'x', 4094 - 8);
    memcpy(line + 4094, "\n", 2);
    assert_said(text, line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_are_shown_as_question_marks),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
