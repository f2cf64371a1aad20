/* The blocklist: frames of named libraries are folded into their callers, or samples in them are
 * left out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/profile.h"
#include "profile/tables.h"

/* A piece of somebody's text. */
struct span {
    const char *bytes;
    size_t n_bytes;
};

static bool same(struct span a, struct span b)
{
    return a.n_bytes == b.n_bytes && memcmp(a.bytes, b.bytes, a.n_bytes) == 0;
}

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* The file's name without folder, and without what the kernel adds when the file has been replaced.
 */
static struct span file_name(const char *path)
{
    static const char deleted[] = " (deleted)";
    struct span name = span_of(pp_profile_base_name(path));

    if (name.n_bytes > strlen(deleted) &&
        memcmp(name.bytes + name.n_bytes - strlen(deleted), deleted, strlen(deleted)) == 0)
        name.n_bytes -= strlen(deleted);
    return name;
}

/* The file's name up to ".so": "libc" of libc.so.6, "libc-2.36" of libc-2.36.so. */
static struct span stem_of(struct span name)
{
    const char *suffix = memmem(name.bytes, name.n_bytes, ".so", 3);

    if (suffix != NULL && suffix > name.bytes)
        name.n_bytes = (size_t)(suffix - name.bytes);
    return name;
}

/* A library's own name: the stem without a version such as "-2.36".  A version has a point, or
 * ld-linux-x86-64 would lose half its machine. */
static struct span own_name(struct span name)
{
    struct span stem = stem_of(name);
    size_t end = stem.n_bytes;
    bool has_point = false;

    if (stem.n_bytes == name.n_bytes)
        return name;
    for (; end > 0 && (stem.bytes[end - 1] == '.' ||
                       (stem.bytes[end - 1] >= '0' && stem.bytes[end - 1] <= '9'));
         end--)
        has_point |= stem.bytes[end - 1] == '.';
    if (has_point && end > 1 && stem.bytes[end - 1] == '-')
        stem.n_bytes = end - 1;
    return stem;
}

/* One entry names a module by its own name, by its file's name or stem, or by the beginning of the
 * file's name up to a version ("libstdc++.so.6" for libstdc++.so.6.0.30). */
static bool entry_names(struct span entry, struct span name)
{
    const struct span own = own_name(name);

    if (same(entry, name) || same(entry, own) || same(entry, stem_of(name)))
        return true;
    if (same(entry, span_of("libc")) && same(own, span_of("libpthread")))
        return true; /* one library since glibc 2.34, two files before */
    if (same(entry, span_of("ld-linux")) && own.n_bytes > entry.n_bytes &&
        memcmp(own.bytes, "ld-linux-", strlen("ld-linux-")) == 0)
        return true; /* whatever the machine */
    return memmem(entry.bytes, entry.n_bytes, ".so", 3) != NULL && name.n_bytes > entry.n_bytes &&
           memcmp(name.bytes, entry.bytes, entry.n_bytes) == 0 && name.bytes[entry.n_bytes] == '.';
}

/* The entry of 'libraries' that names the module at 'path', or an empty span. */
static struct span entry_for(const char *libraries, const char *path)
{
    const struct span name = file_name(path);

    while (*libraries != '\0' && name.n_bytes > 0) {
        struct span entry = {libraries, strcspn(libraries, ",")};
        libraries += entry.n_bytes + (libraries[entry.n_bytes] == ',');
        while (entry.n_bytes > 0 && *entry.bytes == ' ')
            entry.bytes++, entry.n_bytes--;
        while (entry.n_bytes > 0 && entry.bytes[entry.n_bytes - 1] == ' ')
            entry.n_bytes--;
        if (entry.n_bytes > 0 && entry_names(entry, name))
            return entry;
    }
    return (struct span){NULL, 0};
}

/* For each mapping: 0, or the location "[libc]" that stands for it when nothing else is left of a
 * stack. */
static pp_id *blocked_mappings(struct pprofc_profile *profile, const char *libraries)
{
    pp_id *stand_in = calloc(profile->n_mappings, sizeof *stand_in);

    for (pp_id id = 1; stand_in != NULL && id < profile->n_mappings; id++) {
        const struct span entry =
            entry_for(libraries, profile->strings[profile->mappings[id].path]);
        pp_autofree char *name = NULL;
        if (entry.n_bytes == 0)
            continue;
        if (asprintf(&name, "[%.*s]", (int)entry.n_bytes, entry.bytes) < 0) {
            name = NULL;
            profile->tables->failed = true;
            continue;
        }
        stand_in[id] = pp_profile_named_location(profile, name, strlen(name));
    }
    return stand_in;
}

/* Build the samples again, each on its stack without blocked frames.  'kept' is the new node of
 * each old one. */
static void rebuild(struct pprofc_profile *profile, const struct pp_profile_samples *old,
                    const pp_id *stand_in, pp_id *kept, bool drop)
{
    const uint32_t n_types = profile->n_types;
    int64_t n_dropped = 0;

    for (pp_id node = 1; node < old->n_nodes; node++) {
        const pp_id location = old->node_location[node];
        const pp_id parent = kept[old->node_parent[node]];
        const bool is_blocked = stand_in[profile->locations[location].mapping] != 0;
        kept[node] = is_blocked && !drop ? parent : pp_profile_child(profile, parent, location);
    }
    for (uint32_t i = 0; i < old->n_samples; i++) {
        const pp_id leaf = old->sample_stack[i];
        const int64_t *values = old->sample_values + (size_t)i * n_types;
        const pp_id blocked = stand_in[profile->locations[old->node_location[leaf]].mapping];
        pp_id stack = kept[leaf];
        if (blocked != 0 && drop) {
            n_dropped = pp_add_values(
                n_dropped, n_types > 0 ? pp_profile_type_samples(profile, 0, values) : 1);
            continue;
        }
        if (stack == 0 && blocked != 0)
            stack = pp_profile_child(profile, 0, blocked);
        pp_profile_add_estimate(
            profile, stack, old->sample_labels[i], old->sample_slice[i], values,
            old->sample_estimates == NULL ? NULL : old->sample_estimates + (size_t)i * n_types);
    }
    if (n_dropped > 0)
        profile->quality.n_dropped = pp_add_values(
            profile->quality.n_dropped < 0 ? 0 : profile->quality.n_dropped, n_dropped);
}

int pp_profile_block(struct pprofc_profile *profile, const char *libraries, bool drop,
                     struct pprofc_error *err)
{
    static const char message[] = "cannot apply the blocklist: out of memory";
    const int64_t n_dropped = profile->quality.n_dropped;
    pp_autofree pp_id *stand_in = NULL;
    pp_autofree pp_id *kept = NULL;
    struct pp_profile_samples old;

    if (pp_profile_failed(profile))
        return pp_fail(err, -ENOMEM, 0, message);
    stand_in = blocked_mappings(profile, libraries);
    kept = calloc(profile->n_nodes, sizeof *kept);
    if (stand_in == NULL || kept == NULL || pp_profile_failed(profile) ||
        pp_profile_samples_take(profile, &old) != 0) {
        profile->tables->failed = false; /* nothing that was asked for is missing: only stand-ins */
        return pp_fail(err, -ENOMEM, 0, message);
    }
    rebuild(profile, &old, stand_in, kept, drop);
    if (pp_profile_failed(profile)) {
        pp_profile_samples_restore(profile, &old);
        profile->quality.n_dropped = n_dropped;
        return pp_fail(err, -ENOMEM, 0, message);
    }
    pp_profile_samples_done(&old);
    return 0;
}
