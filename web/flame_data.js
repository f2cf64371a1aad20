// The columns of the file, unpacked: src/views/flamegraph_data.c writes them and explains them.
// Nodes are in preorder: the subtree of node i is i .. end[i] - 1, and its children follow each other.

const FLAG_INLINED = 1;
const FLAG_OTHER = 2; // narrow frames that were gathered when the file was written; frame[] counts them
const N_FLAGS = 4;
const N_HUES = 16;

const DIGITS = (() => {
    const digits = new Uint8Array(128);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let i = 0; i < letters.length; i++) digits[letters.charCodeAt(i)] = i;
    return digits;
})();

// n numbers of a column.  Most have one digit; values may go beyond 32 bits, which bit operations cannot.
function readColumn(text, n, column) {
    let at = 0;
    for (let i = 0; i < n; i++) {
        let digit = DIGITS[text.charCodeAt(at++)];
        let number = digit & 31;
        for (let unit = 32; digit & 32; unit *= 32) {
            digit = DIGITS[text.charCodeAt(at++)];
            number += (digit & 31) * unit;
        }
        column[i] = number;
    }
    return column;
}

function readNames(suffixes, shared) {
    const lengths = readColumn(shared, suffixes.length, new Uint32Array(suffixes.length));
    let last = '';
    return suffixes.map((suffix, i) => (last = last.slice(0, lengths[i]) + suffix));
}

function readTree(data) {
    const n = data.n_nodes;
    const tree = {
        n, nLevels: 0,
        level: new Uint32Array(n), parent: new Uint32Array(n), end: new Uint32Array(n),
        frame: new Uint32Array(n), flags: new Uint8Array(n),
        self: readColumn(data.self, n, new Float64Array(n)), total: new Float64Array(n),
    };
    const {level, parent, end, flags, total} = tree;
    const packed = readColumn(data.node, n - 1, new Uint32Array(Math.max(n - 1, 0)));
    tree.frame.set(readColumn(data.frame, n - 1, new Uint32Array(Math.max(n - 1, 0))), 1);
    let open = 0; // the node before
    for (let i = 1; i < n; i++) {
        const up = packed[i - 1] >>> 2; // N_FLAGS is 4
        flags[i] = packed[i - 1] & (N_FLAGS - 1);
        for (let k = 0; k < up; k++) {
            end[open] = i;
            open = parent[open];
        }
        parent[i] = open;
        level[i] = level[open] + 1;
        if (level[i] > tree.nLevels) tree.nLevels = level[i];
        open = i;
    }
    for (; n > 0; open = parent[open]) {
        end[open] = n;
        if (open === 0) break;
    }
    for (let i = n - 1; i >= 0; i--) {
        total[i] += tree.self[i];
        if (i > 0) total[parent[i]] += total[i];
    }
    if (data.after !== undefined) { // a comparison
        tree.after = readColumn(data.after, n, new Float64Array(n));
        tree.afterTotal = Float64Array.from(tree.after);
        for (let i = n - 1; i > 0; i--) tree.afterTotal[parent[i]] += tree.afterTotal[i];
    }
    return tree;
}

function readData(data) {
    const n = data.n_frames;
    const names = readNames(data.names, data.shared);
    const hue = readColumn(data.hue, n, new Uint8Array(n));
    const tree = readTree(data);
    return {
        ...data, names, tree,
        hasInlined: tree.flags.some((flags) => flags & FLAG_INLINED), hasPseudo: hue.some((h) => h >= N_HUES),
        file: readColumn(data.file, n, new Uint32Array(n)),
        line: readColumn(data.line, n, new Float64Array(n)),
        hotLine: readColumn(data.hot_line, n, new Float64Array(n)),
        module: readColumn(data.module, n, new Uint32Array(n)),
        hue: hue.map((h) => h % N_HUES),
        isPseudo: hue.map((h) => (h >= N_HUES ? 1 : 0)),
    };
}

function isOther(model, node) {
    return (model.tree.flags[node] & FLAG_OTHER) !== 0;
}

function nameOf(model, node) {
    if (node === 0) return 'all';
    return isOther(model, node) ? `other (${model.tree.frame[node]})` : model.names[model.tree.frame[node]];
}
