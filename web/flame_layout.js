// Where the boxes are.  Row 0 is "all"; a zoom shows its ancestors over the full width, then itself.
// Siblings are in alphabetical order; those narrower than minWidth are gathered into one "other (n)" at the end,
// which can be zoomed into like any box.
//
// A view is {node, group}; group is null or which of node's children: {parent, from, to, below} = those between
// the nodes from and to whose total is below a bound.  A box is a node, or -1 - g for groups[g].

const N_CHUNKS = 16; // a group without a single member wide enough is shown in this many parts
const MIN_GROUP_WIDTH = 0.1; // px; nothing narrower could be seen

class BoxList {
    constructor() {
        this.n = 0;
        this.node = new Int32Array(1024);
        this.x = new Float64Array(1024);
        this.width = new Float64Array(1024);
    }

    push(node, x, width) {
        if (this.n === this.node.length) {
            for (const column of ['node', 'x', 'width']) {
                const old = this[column];
                this[column] = new old.constructor(2 * old.length);
                this[column].set(old);
            }
        }
        this.node[this.n] = node;
        this.x[this.n] = x;
        this.width[this.n++] = width;
    }
}

function groupTotal(tree, group) {
    let total = 0, n = 0;
    for (let c = group.from; c < group.to; c = tree.end[c]) {
        if (tree.total[c] < group.below) {
            total += tree.total[c];
            n++;
        }
    }
    return {total, n};
}

function pushGroup(layout, group, x, total) {
    if (total * layout.scale < MIN_GROUP_WIDTH) return;
    layout.boxes.push(-1 - layout.groups.length, x, total * layout.scale);
    layout.groups.push({...group, total});
}

// Contiguous parts of about equal size.
function pushChunks(layout, tree, group, x, groupSum) {
    const target = groupSum / N_CHUNKS;
    let from = group.from, sum = 0, n = 0;
    for (let c = group.from; c < group.to; c = tree.end[c]) {
        if (tree.total[c] >= group.below) continue;
        sum += tree.total[c];
        n++;
        if (sum >= target || tree.end[c] >= group.to) {
            pushGroup(layout, {...group, from, to: tree.end[c], n}, x, sum);
            x += sum * layout.scale;
            from = tree.end[c];
            sum = n = 0;
        }
    }
    if (n > 0) pushGroup(layout, {...group, from, n}, x, sum);
}

function pushChildren(layout, tree, group, x, isZoomed) {
    const minTotal = Math.min(layout.minWidth / layout.scale, group.below);
    const {boxes, scale} = layout;
    let n = 0, sum = 0, nWide = 0;
    const start = x;
    for (let c = group.from; c < group.to; c = tree.end[c]) {
        const total = tree.total[c];
        if (total >= group.below) continue;
        if (total >= minTotal) {
            boxes.push(c, x, total * scale);
            x += total * scale;
            nWide++;
        } else {
            sum += total;
            n++;
        }
    }
    if (n > 1 && nWide === 0 && isZoomed) pushChunks(layout, tree, {...group, below: minTotal}, start, sum);
    else if (n > 0) pushGroup(layout, {...group, below: minTotal, n}, x, sum);
}

function allChildren(tree, node) {
    return {parent: node, from: node + 1, to: tree.end[node], below: Infinity};
}

// -> {boxes, rowStart, nRows, groups, zoomRow, scale}; row r's boxes are rowStart[r] .. rowStart[r + 1] - 1.
function layOut(tree, view, width, minWidth) {
    const layout = {boxes: new BoxList(), rowStart: [0], groups: [], minWidth, scale: 0, zoomRow: 0};
    const boxes = layout.boxes;
    const path = [];
    for (let node = view.node; node !== 0; node = tree.parent[node]) path.push(node);
    path.push(0);
    const {total: groupSum, n} = view.group ? groupTotal(tree, view.group) : {total: 0, n: 0};
    const whole = view.group ? groupSum : tree.total[view.node];
    layout.scale = whole > 0 ? width / whole : 0;
    for (let i = path.length; i-- > 0;) {
        boxes.push(path[i], 0, width);
        layout.rowStart.push(boxes.n);
    }
    if (view.group) {
        boxes.push(-1, 0, width);
        layout.groups.push({...view.group, total: groupSum, n});
        layout.rowStart.push(boxes.n);
    }
    layout.zoomRow = layout.rowStart.length - 2;
    for (let from = boxes.n - 1, to = boxes.n; from < to && layout.scale > 0; from = to, to = boxes.n) {
        for (let i = from; i < to; i++) {
            const node = boxes.node[i];
            if (node >= 0) pushChildren(layout, tree, allChildren(tree, node), boxes.x[i], i === from && !view.group && from + 1 === to);
            else if (i === layout.rowStart[layout.zoomRow]) pushChildren(layout, tree, view.group, 0, true);
        }
        if (boxes.n > to) layout.rowStart.push(boxes.n);
    }
    layout.nRows = layout.rowStart.length - 1;
    return layout;
}

// The box at x in a row, or -1.
function boxAt(layout, row, x) {
    if (row < 0 || row >= layout.nRows) return -1;
    const {boxes} = layout;
    let low = layout.rowStart[row], high = layout.rowStart[row + 1] - 1;
    while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (boxes.x[middle] <= x) low = middle;
        else high = middle - 1;
    }
    return x >= boxes.x[low] && x < boxes.x[low] + boxes.width[low] ? low : -1;
}

function rowOf(layout, box) {
    let low = 0, high = layout.nRows - 1;
    while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (layout.rowStart[middle] <= box) low = middle;
        else high = middle - 1;
    }
    return low;
}
