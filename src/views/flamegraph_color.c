/* Colours: each kind of profile has its own part of the colour circle, light and dark. */
#include <math.h>
#include <string.h>

#include "views/flamegraph_parts.h"

struct kind_look {
    const char *id, *title;
    double first_hue, last_hue; /* degrees in OKLCH */
    double chroma;
};

static const struct kind_look looks[] = {
    [PP_FLAME_CPU] = {"cpu", "CPU time", 28, 100, 0.145},
    [PP_FLAME_OFFCPU] = {"offcpu", "Time off CPU", 210, 280, 0.11},
    [PP_FLAME_WALL] = {"wall", "Wall-clock time", 60, 400, 0.035},
    [PP_FLAME_LOCK] = {"lock", "Lock waits", 275, 350, 0.12},
    [PP_FLAME_HEAP] = {"heap", "Heap memory", 112, 172, 0.13},
};

const char *pp_flame_kind_id(enum pp_flame_kind kind)
{
    return looks[kind].id;
}

const char *pp_flame_kind_title(enum pp_flame_kind kind)
{
    return looks[kind].title;
}

enum pp_flame_kind pp_flame_kind_of(const struct pprofc_profile *profile, uint32_t type)
{
    const char *kind = pp_profile_chars(profile, profile->kind);
    const char *name = pp_profile_chars(profile, profile->types[type].type);
    size_t i;

    for (i = 0; i < sizeof looks / sizeof looks[0]; i++)
        if (strcmp(kind, looks[i].id) == 0)
            return (enum pp_flame_kind)i;
    if (strncmp(name, "alloc", 5) == 0 || strncmp(name, "inuse", 5) == 0 ||
        strncmp(name, "suspect", 7) == 0 || strcmp(name, "space") == 0)
        return PP_FLAME_HEAP;
    if (strcmp(name, "contentions") == 0 || strcmp(name, "delay") == 0)
        return PP_FLAME_LOCK;
    if (strcmp(name, "wait") == 0 || strcmp(name, "waits") == 0)
        return PP_FLAME_OFFCPU;
    return strcmp(name, "wall") == 0 ? PP_FLAME_WALL : PP_FLAME_CPU;
}

/* OKLCH to sRGB; false when the colour is more vivid than a screen can show. */
static bool to_srgb(double lightness, double chroma, double hue, int rgb_out[3])
{
    const double a = chroma * cos(hue * M_PI / 180), b = chroma * sin(hue * M_PI / 180);
    const double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    const double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    const double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    const double linear[3] = {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                              -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                              -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
    size_t i;

    for (i = 0; i < 3; i++) {
        const double x = linear[i];
        if (x < -0.0005 || x > 1.0005)
            return false;
        rgb_out[i] = (int)lround(
            255 * (x <= 0.0031308 ? 12.92 * fmax(x, 0) : 1.055 * pow(fmin(x, 1), 1 / 2.4) - 0.055));
    }
    return true;
}

void pp_flame_color_rule(struct pp_buffer *css, const char *prefix, uint32_t number,
                         double lightness, double chroma, double hue)
{
    int rgb[3] = {128, 128, 128};

    while (!to_srgb(lightness, chroma, hue, rgb) && chroma > 0)
        chroma -= 0.005;
    pp_buffer_printf(css, ".%s%u{fill:#%02x%02x%02x}", prefix, number, rgb[0], rgb[1], rgb[2]);
}

/* Module 0, the program itself, is the most vivid; its libraries take hues in between each other,
 * alternately lighter and darker, so that neighbours in the list stay apart. */
static void add_modules(struct pp_buffer *css, const struct kind_look *look, bool is_dark)
{
    static const uint32_t order[PP_FLAME_MODULES] = {3, 0, 7, 4, 1, 8, 5, 2, 9, 6};
    const double hues = look->last_hue - look->first_hue;
    uint32_t module, shade;

    for (module = 0; module < PP_FLAME_MODULES; module++) {
        const double hue = look->first_hue + hues * order[module] / (PP_FLAME_MODULES - 1);
        const double vivid = module == 0       ? 1
                             : module % 3 == 1 ? 0.45
                             : module % 3 == 2 ? 0.75
                                               : 0.6;
        const double light = module == 0       ? 0
                             : module % 3 == 1 ? 0.075
                             : module % 3 == 2 ? -0.035
                                               : 0.03;
        for (shade = 0; shade < PP_FLAME_SHADES; shade++) {
            const double step = 0.03 * ((double)shade - 1);
            pp_flame_color_rule(css, "m", module * PP_FLAME_SHADES + shade,
                                is_dark ? 0.47 + light * 0.8 + step : 0.795 + light + step,
                                look->chroma * vivid * (is_dark ? 0.75 : 1),
                                hue + 6 * ((double)shade - 1));
        }
    }
}

/* By name: the whole arc for the program's functions, a paler one for libraries'. */
static void add_hues(struct pp_buffer *css, const struct kind_look *look, bool is_dark)
{
    uint32_t i;

    for (i = 0; i < PP_FLAME_HUES; i++) {
        const double hue =
            look->first_hue + (look->last_hue - look->first_hue) * i / (PP_FLAME_HUES - 1);
        const double step = 0.03 * ((double)(i * 7 % 5) - 2) / 2;
        pp_flame_color_rule(css, "n", i, is_dark ? 0.48 + step : 0.79 + step,
                            look->chroma * (is_dark ? 0.8 : 1), hue);
        pp_flame_color_rule(css, "l", i, is_dark ? 0.39 + step / 2 : 0.885 + step / 2,
                            look->chroma * (is_dark ? 0.35 : 0.4), hue);
    }
}

static void add_colors(struct pp_buffer *css, const struct kind_look *look, bool is_dark)
{
    add_modules(css, look, is_dark);
    add_hues(css, look, is_dark);
    pp_flame_color_rule(css, "a", 0, is_dark ? 0.36 : 0.9, 0.006, 260);   /* all */
    pp_flame_color_rule(css, "p", 0, is_dark ? 0.43 : 0.8, 0.004, 260);   /* pseudo frames */
    pp_flame_color_rule(css, "o", 0, is_dark ? 0.32 : 0.925, 0.004, 260); /* other (n) */
    pp_flame_color_rule(css, "k", 0, is_dark ? 0.7 : 0.6, look->chroma,
                        (look->first_hue + look->last_hue) / 2);
}

void pp_flame_palette(struct pp_buffer *css, enum pp_flame_kind kind)
{
    add_colors(css, &looks[kind], false);
    pp_buffer_text(css, "\n@media(prefers-color-scheme:dark){");
    add_colors(css, &looks[kind], true);
    pp_buffer_text(css, "}\n");
}

uint32_t pp_flame_hash(const char *bytes, size_t n_bytes)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t i;

    for (i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

bool pp_flame_is_pseudo(const struct pp_flame_frame *frame)
{
    return frame->n_bytes > 2 && frame->name[0] == '[' && frame->name[frame->n_bytes - 1] == ']';
}
