/* pprofc help: what can be typed. */
#include <stdio.h>
#include <string.h>

#include "cli/messages.h"
#include "cli/nearest.h"
#include "cli/verbs.h"

static const char overview[] =
    "pprofc " PP_VERSION " - where the time and memory of native programs go\n"
    "\n"
    "  pprofc run [OPTIONS] -- PROGRAM ARGUMENTS   profile a program from start to end\n"
    "  pprofc report FILE                          the hottest functions of a profile\n"
    "  pprofc convert IN OUT                       a profile in another format\n"
    "  pprofc merge FILE.. -o OUT                  several profiles as one\n"
    "  pprofc diff BEFORE.. -- AFTER..             what became dearer or cheaper, beyond chance\n"
    "  pprofc bench --before CMD --after CMD       two commands run in turn, and what differs\n"
    "  pprofc bench -- PROGRAM                     benchmarks now, against what they took before\n"
    "  pprofc overhead -- PROGRAM ARGUMENTS        what profiling costs this program, measured\n"
    "  pprofc serve PID|RECORDING..                /debug/pprof over HTTP, as Go programs have it\n"
    "  pprofc history [VIEW]                       windows that were kept: list, top, flame, diff\n"
    "  pprofc stacks PID                           where each of its threads stands now\n"
    "  pprofc leaks PID|RECORDING                  memory that grows, and that nothing leads to\n"
    "  pprofc symbolize FILE [OUT]                 names for a profile that lacks them\n"
    "  pprofc push FILE.. --to URL                 profiles to a collector or to Pyroscope\n"
    "  pprofc off PID                              the profiler's kill switch for a process\n"
    "  pprofc help [VERB]                          this text, or a verb's options\n"
    "  pprofc --version\n"
    "\n"
    "'run' may be left out: pprofc -- ./app.  The profile is left in PROGRAM.PID.pb.gz, which\n"
    "every pprof reads, and PROGRAM.PID.svg, a flame graph for any browser.\n"
    "\n"
    "Names are looked for in the program and its debug files, also below PPROFC_DEBUG_PATH=DIR.\n"
    "PPROFC=off in the environment switches profiling off.  More: man pprofc\n";

static const char run_help[] =
    "pprofc run [OPTIONS] -- PROGRAM ARGUMENTS\n"
    "\n"
    "Runs the program, profiles it, and writes PROGRAM.PID.pb.gz and PROGRAM.PID.svg.  Its status,\n"
    "signals, input and output are as without us.\n"
    "\n"
    "  -F, --frequency HZ   samples per CPU second, 1 to 10000 (100)\n"
    "      --mode MODE      low (10 Hz), standard (100 Hz) or high (1000 Hz)\n"
    "  -d, --duration TIME  profile for 500ms, 30s, 5m or 1h; the program goes on after it\n"
    "  -o, --output NAME    a file, its format by its extension: .pb.gz .pb .pprof .svg .folded\n"
    "                       .speedscope.json .otlp .json .csv .txt, or .ppc for the raw recording;\n"
    "                       a folder; - for standard output\n"
    "  -f, --force          overwrite what is there\n"
    "  -k, --kinds KINDS    what to measure, with commas between: cpu; offcpu, where threads wait;\n"
    "                       lock, for which locks and who held them; wall, cpu and offcpu as one;\n"
    "                       heap; leak, heap and what nothing leads to at the end; all.  Of several\n"
    "                       each has its files: PROGRAM.PID.offcpu.pb.gz ..\n"
    "      --ignore-idle    of waits: leave out threads that have nothing to do\n"
    "      --heap-interval N  bytes from one heap sample to the next (512K); 1: every allocation\n"
    "      --heap-peak      show what was in use when the heap was largest\n"
    "      --heap-mmap      follow what the program maps by itself (mmap), too\n"
    "      --heap-usable    count usable bytes allocated and freed, too\n"
    "      --heap-lifetimes show how long sampled objects lived\n"
    "      --follow         profile the programs that it starts as well, a file each\n"
    "      --block-lib LIBS fold the frames of these libraries (libc,libm) into their callers\n"
    "      --block-drop     leave their samples out instead, and count them\n"
    "      --http ADDR      serve /debug/pprof meanwhile, at HOST:PORT, :PORT or unix:PATH\n"
    "      --budget P       let profiling cost no more than P % of the program's CPU (1%): the rate\n"
    "                       falls and rises as it must\n"
    "      --continuous     take windows all the time and keep them in ./profiles; 10 Hz unless -F\n"
    "      --history FOLDER keep them there (or PPROFC_HISTORY); implies --continuous\n"
    "      --cycle CYCLE    60s: windows of a minute; 60s/360s: and rest for five\n"
    "      --keep LIMITS    how long and how much: 24h,1GiB\n"
    "      --export LIST    send them: otlp, pyroscope or both (or PPROFC_EXPORT)\n"
    "      --flight TRIGGERS  write down the last ten minutes when the program uses more than\n"
    "                       cpu=90%,memory=80% (of memory.max; or 1GiB), or waits: pressure=20%,\n"
    "                       or when a signal is sent to pprofc: signal=USR1\n"
    "      --signal NAME    the program's switch: USR2 pauses and resumes profiling\n"
    "      --strict         do not run the program when it cannot be profiled\n"
    "  -q, --quiet          errors only          -v, --verbose   more\n"
    "\n"
    "Exit status: the program's own, 128+N when signal N killed it; 125 when pprofc failed before\n"
    "the start, 126 when the program is not executable, 127 when it is not found.\n";

static const char report_help[] =
    "pprofc report [OPTIONS] FILE..\n"
    "\n"
    "Shows where the time, or the memory, went.  FILE is .pb.gz, .pb, .folded, .ppc,\n"
    ".speedscope.json, .otlp, .cpuprofile, a profile that the Firefox Profiler has saved, text of perf\n"
    "script, a profile of gperftools or jemalloc, an http:// address, or - for standard input; several\n"
    "are added up.  The options of go tool pprof are taken under its names, with one dash as with two;\n"
    "RE is a regular expression.\n"
    "\n"
    "One view:\n"
    "      --top [N]        the hottest functions, N rows (20); --text is the same\n"
    "      --tree           each function with its callers and callees\n"
    "      --peek RE        the same of the functions that match, with nothing left out\n"
    "      --list RE        the source of the functions that match, with what each line cost\n"
    "      --weblist RE     the same as a page for a browser\n"
    "      --disasm RE      their instructions, by objdump; --intel_syntax\n"
    "      --traces         each stack with its labels     --tags   labels and what carries them\n"
    "      --raw            all that the file holds\n"
    "      --dot            the call graph, for graphviz, which draws it when -o is .svg, .png, .pdf\n"
    "      --svg            the call graph as drawn by graphviz; --png --pdf --gif --ps\n"
    "      --callgrind      the call graph, for KCachegrind and callgrind_annotate\n"
    "      --proto          what the filters leave, as .pb.gz    --topproto  the rows of --top so\n"
    "      --comments       what the file says of itself\n"
    "What a row is:\n"
    "      --by WHAT        function, line, file, module, address, thread, pool (threads whose\n"
    "                       names differ in their number), label:KEY, or name: functions of one\n"
    "                       name in whatever files\n"
    "      --granularity G  functions (by name), filefunctions, files, lines, addresses; as options:\n"
    "                       --functions --filefunctions --files --lines --addresses\n"
    "      --noinlines      what was inlined counts for where it was inlined\n"
    "      --cum, --flat    the order: with callees or without; --sort cum, --sort flat\n"
    "      --nodecount N    rows          --nodefraction F  leave out what is less than that share\n"
    "      --edgefraction F the same of calls              --trim false     leave nothing out\n"
    "      --call_tree      of calls: each way in which a function is reached by itself\n"
    "Values:\n"
    "      --sample NAME    the sample type, by name or number (samples, cpu ..); --sample_index is\n"
    "                       the same; of a heap --alloc_objects, --alloc_space, --inuse_objects,\n"
    "                       --inuse_space\n"
    "                       of contentions --contentions, --total_delay, --mean_delay\n"
    "      --mean           of --top: values divided by their counts\n"
    "      --divide_by N    values are shown divided by N\n"
    "      --unit UNIT      ns us ms s h B KiB MiB GiB TiB, auto\n"
    "      --heap-peak      of a recording: in use when the heap was largest\n"
    "      --base FILE      less what is in FILE   --diff_base FILE  the same, shares of FILE's total\n"
    "      --normalize      scaled to FILE's total before     --drop_negative  only what is more\n"
    "Filters; shares stay those of all there was, but with --relative_percentages:\n"
    "      --focus RE       samples through functions, files, modules that match\n"
    "      --ignore RE      samples through none of them\n"
    "      --hide RE, --show RE             frames that match, only those\n"
    "      --show_from RE, --prune_from RE  stacks from the first that matches; up to the last one\n"
    "      --tagfocus, --tagignore  samples by labels: RE, KEY=RE, 32kb, KEY=4mb:64mb\n"
    "      --tagshow RE, --taghide RE       labels by their keys\n"
    "      --tagroot KEYS, --tagleaf KEYS   labels as frames\n"
    "      --all-frames     also those that the file itself says to drop\n"
    "      --ignore-idle    no waits of threads that have nothing to do\n"
    "What is fetched:\n"
    "      --seconds N      so long the server is to measure     --timeout N  at most for all of it\n"
    "      --tls_ca FILE    certificates to trust; --tls_cert FILE and --tls_key FILE to show\n"
    "Output:\n"
    "      --source_path FOLDERS, --trim_path FOLDERS   where --list looks, what it takes off before\n"
    "      --compact_labels without the lines above the rows\n"
    "      --symbolize local  names that it lacks, from the files here; none: as it is\n"
    "      --tools FOLDERS  where objdump and dot are looked for first, with commas between\n"
    "      --add_comment TEXT  to what the file says of itself\n"
    "      --json           for programs: of --top --tree --peek --list --traces --tags --comments\n"
    "  -o, --output FILE    write there\n"
    "  -f, --force          overwrite what is there\n"
    "\n"
    "Exit status: 0, 1 when the file cannot be read or nothing matches, 2 for usage, 4 when there\n"
    "are no samples.\n";

static const char convert_help[] =
    "pprofc convert [OPTIONS] IN OUT\n"
    "\n"
    "Writes the profile IN as OUT, whose extension names the format: .pb.gz .pb .pprof .svg .folded\n"
    ".speedscope.json .otlp .json .csv .txt.  - writes to standard output, .pb.gz unless --format\n"
    "says otherwise.  What a format has no room for is said in one line.\n"
    "\n"
    "IN is .pb.gz .pb .pprof .folded .ppc .speedscope.json .otlp .cpuprofile, a profile that the\n"
    "Firefox Profiler has saved, text of perf script, a profile of gperftools, tcmalloc,\n"
    "jemalloc, brpc or Go (debug=1), as told by its content; gzipped, in zstd, or as it is; a file,\n"
    "an http:// or https:// address, or - for standard input.\n"
    "\n"
    "      --sample NAME    the sample type shown where a format shows one, and of a recording of\n"
    "                       both kinds which of them; --sample_index is the same\n"
    "      --format FORMAT  pb.gz, pb, folded, speedscope, otlp, json, csv, txt or svg, whatever OUT is\n"
    "                       called; without OUT it is written to standard output\n"
    "      --by WHAT        a profile of the .speedscope.json for each thread, or label:KEY\n"
    "      --heap-peak      of a recording: in use when the heap was largest\n"
    "  -f, --force          overwrite what is there\n"
    "  -q, --quiet          errors only\n";

static const char merge_help[] =
    "pprofc merge [OPTIONS] FILE.. -o OUT\n"
    "\n"
    "Adds profiles up: the same stacks with the same labels, of the same modules wherever they were\n"
    "mapped.  They must have the same sample types.  OUT's extension names the format; - writes\n"
    ".pb.gz to standard output.\n"
    "\n"
    "  -o, --output OUT     the sum\n"
    "      --sample NAME    the sample type shown where a format shows one; --sample_index is the same\n"
    "  -f, --force          overwrite what is there\n"
    "  -q, --quiet          errors only\n";

static const char diff_help[] =
    "pprofc diff [OPTIONS] BEFORE.. -- AFTER..\n"
    "\n"
    "Compares profiles, one or several a side: which functions became dearer or cheaper, with 95 %\n"
    "limits, and which changes may be chance.  Two files alone need no --.\n"
    "\n"
    "      --fail-above P   exit with 3 when a function is surely dearer by more than P % of the whole\n"
    "      --judge WHAT     by cost (what a run pays), share (of the whole) or both (auto)\n"
    "      --cum            functions with what they call, not their own part\n"
    "      --top N          rows (20)\n"
    "      --sample NAME    the sample type; --sample_index is the same\n"
    "      --json           for programs\n"
    "  -o, --output FILE    .svg (one flame graph of both), .json or .txt\n"
    "      --before-svg F   a flame graph of what was before\n"
    "      --after-svg F    and of what is after\n"
    "  -f, --force          overwrite what is there\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, 1 when a file cannot be read, 2 for usage, 3 beyond --fail-above, 4 no samples.\n";

static const char bench_help[] =
    "pprofc bench [OPTIONS] --before COMMAND --after COMMAND\n"
    "pprofc bench [OPTIONS] --case NAME=COMMAND ..\n"
    "pprofc bench [OPTIONS] [--case NAME ..] -- PROGRAM ARGUMENTS\n"
    "\n"
    "Runs the two commands in turn, by sh, profiled, and compares their time, their CPU time and their\n"
    "profiles, with 95 % limits.  Or runs each case of a benchmark so, keeps what it took, and compares\n"
    "it with what it took before: commands, arguments of a program, or, without --case, the benchmarks\n"
    "of a Google Benchmark program.\n"
    "\n"
    "      --before CMD     what to compare ..\n"
    "      --after CMD      .. and with what\n"
    "      --case NAME=CMD  a case; may be given several times.  With -- PROGRAM the case is NAME, which\n"
    "                       becomes the program's last argument\n"
    "      --save-baseline N  compare with the baseline N, if there is one, and replace it (base)\n"
    "      --baseline N     compare with the baseline N, and leave it\n"
    "      --load-baseline N  measure nothing: compare the baseline N, as what is now\n"
    "      --filter RE      only cases whose names match\n"
    "      --list           say the cases' names, run nothing\n"
    "      --store FOLDER   where baselines are (.pprofc-bench)\n"
    "      --noise-threshold P  changes of a case up to P % count as noise (1%)\n"
    "  -n, --runs N         of each, 1 to 1000 (20; of cases 10)\n"
    "  -F, --frequency HZ   samples per CPU second, 1 to 10000 (1000)\n"
    "      --fail-above P   exit with 3 when a function, or the whole, is surely dearer by more than P %\n"
    "      --cum            functions with what they call, not their own part\n"
    "      --top N          rows (20; of each case 5)\n"
    "      --json           for programs\n"
    "  -o, --output FILE    the comparison of the profiles: .svg, .json or .txt; of cases the folder of\n"
    "                       their flame graphs (that of --store)\n"
    "      --keep FOLDER    leave the recordings there\n"
    "  -f, --force          overwrite what is there\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, the command's own when one fails, 1 failed, 2 usage, 3 beyond --fail-above.\n";

static const char overhead_help[] =
    "pprofc overhead [OPTIONS] -- PROGRAM ARGUMENTS\n"
    "\n"
    "Runs the program without the profiler, with it, and without again, in changing order, and tells\n"
    "what profiling costs: time and CPU time with 95 % limits, beside the floor, by which runs differ\n"
    "that nothing was done to; what the profiler itself counts; memory, and bytes written.  The\n"
    "program has an empty standard input, and its output goes nowhere.\n"
    "\n"
    "  -n, --runs N         rounds of three runs, 1 to 1000 (10)\n"
    "  -k, --kinds KINDS    what is measured meanwhile: cpu, cpu,heap, offcpu, all .. (cpu)\n"
    "  -F, --frequency HZ   samples per CPU second, 1 to 10000 (100)\n"
    "      --mode MODE      low (10 Hz), standard (100 Hz) or high (1000 Hz)\n"
    "      --json           for programs\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, the program's own when a run fails, 1 failed, 2 usage, 126 not executable, 127 not\n"
    "found.\n";

static const char serve_help[] =
    "pprofc serve [OPTIONS] PID|RECORDING..\n"
    "\n"
    "Serves profiles of running processes (started by pprofc run, preloaded, or linked with\n"
    "libpprofc) or of recordings over HTTP, for go tool pprof, browsers and scrapers.\n"
    "\n"
    "  -l, --listen ADDR    HOST:PORT, :PORT or unix:PATH (127.0.0.1:6060, or PPROFC_HTTP)\n"
    "      --token-file F   ask for this token: Authorization: Bearer TOKEN (or PPROFC_TOKEN_FILE)\n"
    "      --tls-cert F     serve HTTPS with the certificate in F (or PPROFC_TLS_CERT)\n"
    "      --tls-key F      and its key, which only its owner may read (or PPROFC_TLS_KEY)\n"
    "      --insecure       another address than loopback without a token\n"
    "      --hide-cmdline   /debug/pprof/cmdline answers 403\n"
    "      --child          as the library starts it (PPROFC_HTTP): be patient with the address\n"
    "Windows, one after the other, kept as files (see pprofc history):\n"
    "      --continuous     take them, and keep them in ./profiles\n"
    "      --history FOLDER keep them there (or PPROFC_HISTORY); implies --continuous\n"
    "      --cycle CYCLE    60s: windows of a minute; 60s/360s: and rest for five (60s)\n"
    "      --keep LIMITS    how long and how much (24h,1GiB)\n"
    "      --export LIST    send them: otlp, pyroscope or both (or PPROFC_EXPORT)\n"
    "      --flight TRIGGERS  write down the last ten minutes, as POST /debug/pprof/flight does, at\n"
    "                       cpu=90%,memory=80%,pressure=20%,signal=USR1; once in every=10m\n"
    "  -F, --frequency HZ   samples per CPU second (10)\n"
    "  -k, --kinds KINDS    cpu, heap or cpu,heap (what the process measures)\n"
    "      --block-lib LIBS fold these libraries' frames into their callers, or none\n"
    "                       (libc,libpthread,ld-linux)\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0 when it was ended by a signal, 1 failed, 2 usage, 5 not permitted.\n";

static const char history_help[] =
    "pprofc history [OPTIONS] [list|top|flame|diff|export]\n"
    "\n"
    "Shows the windows that continuous mode (pprofc serve, pprofc run, PPROFC_HISTORY) has kept: a\n"
    "list of them; the hottest functions of all, or one flame graph; what changed from one span of\n"
    "time to another, each window counting as a run; or all of them as one file.\n"
    "\n"
    "      --dir FOLDER     the history (PPROFC_HISTORY, or ./profiles)\n"
    "      --since TIME     windows that began then or later: 2h (ago), 2026-11-26T22:00 (UTC)\n"
    "      --until TIME     and before then\n"
    "      --base-since TIME, --base-until TIME   what diff compares with (as long a span just\n"
    "                       before; without --since the last hour, and the one before it)\n"
    "  -k, --kind KIND      cpu, offcpu, lock or heap (cpu, where there is any)\n"
    "      --program NAME   of that program        --pid N   of that process\n"
    "      --label KEY=RE   only samples with that label\n"
    "      --sample NAME    the sample type; --sample_index is the same\n"
    "      --top N          rows (20)              --cum     functions with what they call\n"
    "      --json           for programs: of list, top and diff\n"
    "  -o, --output FILE    where flame (history.svg), export (history.pb.gz, any format) and diff\n"
    "                       write; list and top go there instead of standard output\n"
    "  -f, --force          overwrite what is there\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, 1 when the history cannot be read, 2 for usage, 4 when no window is met.\n";

static const char stacks_help[] =
    "pprofc stacks [OPTIONS] PID\n"
    "\n"
    "Shows where each thread of a running process stands: its name and id, what it waits for, its\n"
    "frames with their lines.  The process must have been started by pprofc run, preloaded, or linked\n"
    "with libpprofc; threads that wait are not woken, and no system call is interrupted.\n"
    "\n"
    "      --group          each distinct stack once, with the number of threads there\n"
    "\n"
    "Exit status: 0, 1 when the process is not recorded or has ended, 2 usage, 5 not permitted.\n";

static const char leaks_help[] =
    "pprofc leaks [OPTIONS] PID|RECORDING\n"
    "\n"
    "Shows which stacks' memory grows, and which objects in use nothing leads to any more: the\n"
    "process makes a copy of itself, which is read beside it.  It must profile its heap: PPROFC=heap\n"
    "with libpprofc-preload-heap.so, or linked with libpprofc.  Of a recording (.ppc) what was found\n"
    "before is shown; PPROFC=leak looks at the program's end.\n"
    "\n"
    "      --max-pause TIME the longest pause of the program that is allowed (100ms)\n"
    "      --force          however long it is\n"
    "      --top N          stacks that are shown (10)\n"
    "      --json           for programs\n"
    "\n"
    "Exit status: 0, 1 when the pause would be longer, the process is not recorded or has ended, 2\n"
    "usage, 4 when no heap was profiled, 5 not permitted.\n";

static const char symbolize_help[] =
    "pprofc symbolize [OPTIONS] FILE [OUT]\n"
    "\n"
    "Looks the addresses of a profile up in the programs that its mappings name, where their build\n"
    "ids agree, and in their debug files (also below PPROFC_DEBUG_PATH), and writes the profile with\n"
    "names, lines and inlined calls as OUT, or in the place of FILE.  - is standard input and output.\n"
    "\n"
    "  -f, --force          overwrite OUT\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, 1 when a file cannot be read or written, 2 for usage.\n";

static const char push_help[] =
    "pprofc push [OPTIONS] FILE.. --to URL\n"
    "\n"
    "Sends profiles to an OpenTelemetry collector or to Grafana Pyroscope, and says what was accepted.\n"
    "FILE is whatever pprofc report reads.\n"
    "\n"
    "      --to URL         http://HOST:4318 (OTLP over HTTP), grpc://HOST:4317, or\n"
    "                       pyroscope+http://HOST:4040; https:// and grpcs:// with TLS.  Without it\n"
    "                       OTEL_EXPORTER_OTLP_ENDPOINT, or PYROSCOPE_SERVER_ADDRESS\n"
    "      --protocol NAME  http/protobuf, http/json, grpc or pyroscope, where the address does not\n"
    "                       say it: port 4317 is gRPC's, 4040 Pyroscope's\n"
    "      --service NAME   the service's name (OTEL_SERVICE_NAME, else the program's)\n"
    "      --signals LIST   of OTLP: profiles, metrics, traces or all (profiles)\n"
    "      --timeout TIME   how long to try (30s)\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Headers, certificates and compression are those of OTEL_EXPORTER_OTLP_..; credentials for\n"
    "Pyroscope those of PYROSCOPE_AUTH_TOKEN, or PYROSCOPE_BASIC_AUTH_USER and _PASSWORD, and\n"
    "PYROSCOPE_TENANT_ID.\n"
    "\n"
    "Exit status: 0 when all was accepted, 1 when something was not, 2 usage, 4 no samples.\n";

static const char off_help[] =
    "pprofc off [OPTIONS] PID..\n"
    "\n"
    "Ends profiling in these processes, at once and for good: nothing samples there any more and\n"
    "nothing can begin it again.  The programs go on; what was recorded is written at their ends.\n"
    "\n"
    "  -q, --quiet          errors only\n"
    "\n"
    "Exit status: 0, also when it was off; 1 when a process has no recording, 2 for usage, 5 when\n"
    "it is another user's.\n";

static const struct {
    const char *verb, *text;
} texts[] = {
    {"", overview},          {"help", overview},          {"run", run_help},
    {"report", report_help}, {"convert", convert_help},   {"serve", serve_help},
    {"merge", merge_help},   {"diff", diff_help},         {"bench", bench_help},
    {"stacks", stacks_help}, {"leaks", leaks_help},       {"symbolize", symbolize_help},
    {"off", off_help},       {"overhead", overhead_help}, {"history", history_help},
    {"push", push_help},
};

enum { N_TEXTS = sizeof texts / sizeof texts[0] };

bool pp_help_show(const char *verb)
{
    for (size_t i = 0; i < N_TEXTS; i++) {
        if (strcmp(texts[i].verb, verb) != 0)
            continue;
        (void)fputs(texts[i].text, stdout);
        return true;
    }
    return false;
}

int pp_cmd_help(char **words)
{
    const char *verb = words[0] != NULL ? words[0] : "", *nearest;

    if (pp_help_show(verb))
        return fflush(stdout) == 0 ? PP_EXIT_OK : PP_EXIT_FAILED;
    nearest = pp_nearest_name(verb, &texts[0].verb, N_TEXTS, sizeof texts[0]);
    pp_complain(
        "unknown verb '%s'; %s%s", verb,
        nearest != NULL
            ? "did you mean "
            : "there are run, report, convert, merge, diff, bench, overhead, serve, history, stacks, leaks, symbolize, push, off "
              "and help",
        nearest != NULL ? nearest : "");
    return PP_EXIT_USAGE;
}
