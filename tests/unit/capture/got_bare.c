/* Calls nobody, so that the linker gives it no relocations (test_got.c). */
int object_call(void);

int object_call(void)
{
    return 0;
}
