const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const p = require('./load.js');

const names = (model, layout, row) => {
    const list = [];
    for (let box = layout.rowStart[row]; box < layout.rowStart[row + 1]; box++) {
        const node = layout.boxes.node[box];
        list.push(node < 0 ? `other ${layout.groups[-1 - node].n}` : p.nameOf(model, node));
    }
    return list;
};
const widthSum = (layout, row) => {
    let sum = 0;
    for (let box = layout.rowStart[row]; box < layout.rowStart[row + 1]; box++) sum += layout.boxes.width[box];
    return sum;
};

test('numbers of a column come back, also beyond 32 bits', () => {
    const numbers = [0, 1, 31, 32, 1023, 1024, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER];
    assert.deepStrictEqual([...p.readColumn(numbers.map(p.putNumber).join(''), numbers.length, new Float64Array(numbers.length))], numbers);
});

test('a tree comes back with totals, levels and ends', () => {
    const {tree} = p.modelOf({'main;foo': 500, 'main;foo2;x': 100, 'main;foo;bar': 400});
    assert.deepStrictEqual([...tree.total], [1000, 1000, 900, 400, 100, 100]);
    assert.deepStrictEqual([...tree.level], [0, 1, 2, 3, 2, 3]);
    assert.deepStrictEqual([...tree.end], [6, 6, 4, 4, 6, 6]);
    assert.deepStrictEqual([...tree.parent], [0, 0, 1, 2, 1, 4]);
});

test('names are put together from what they share', () => {
    const model = p.modelOf({abc: 1, abd: 1});
    assert.deepStrictEqual(model.names, ['abc', 'abd']);
    const data = {names: ['abc', 'd'], shared: 'AC'};
    const again = p.readData({...data, n_nodes: 1, n_frames: 2, files: [''], modules: [['', 0, 1]], file: 'AA', line: 'AA',
        hot_line: 'AA', module: 'AA', hue: 'AA', node: '', frame: '', self: 'A'});
    assert.deepStrictEqual(again.names, ['abc', 'abd']);
});

test('a match inside a match counts once', () => {
    const model = p.modelOf({'main;foo;bar;foo': 10, 'main;foo': 20, 'main;baz;foo': 30, 'main;baz': 40});
    const search = p.searchTree(model, /^foo$/);
    assert.strictEqual(search.total, 60);
    assert.strictEqual(search.nBoxes, 3);
    assert.strictEqual(p.searchTree(model, /foo|main/).total, 100);
    assert.strictEqual(p.searchTree(model, /nothing/).total, 0);
    assert.strictEqual(search.matched[p.findPath(model, ['main', 'baz'])], 30);
});

test('a pattern may ignore case, need no unicode mode, and is refused with a reason', () => {
    assert.ok(p.compilePattern('MAIN', true).regexp.test('main'));
    assert.ok(!p.compilePattern('MAIN', false).regexp.test('main'));
    assert.ok(p.compilePattern('a\\_b', false).regexp.test('a_b'));
    assert.match(p.compilePattern('(', false).error, /group|parenthes/i);
});

test('a view survives the address', () => {
    const defaults = {inverted: false, color: 'module'};
    const state = {path: ['main', 'std::vector<a;b>::f(int, char&)', '100%', 'größe'], node: 7, group: {from: 3, to: 9, below: 2.5},
        search: 'a&b=c#d|e', ignoreCase: true, inverted: true, color: 'name'};
    const back = p.decodeState(p.encodeState(state, defaults), defaults);
    assert.deepStrictEqual({...back, node: 7}, state);
    assert.strictEqual(p.encodeState({path: [], node: 0, group: null, search: '', ignoreCase: false, ...defaults}, defaults), '');
    assert.strictEqual(p.decodeState('#search=100%', defaults).search, '100%');
    assert.strictEqual(p.decodeState('#color=evil&invert=0&junk', {inverted: true, color: 'name'}).color, 'name');
});

test('a zoom too deep for an address is kept by number', () => {
    const hash = p.encodeState({path: Array(100000).fill('f'), node: 99999, group: null, search: '', ignoreCase: false,
        inverted: false, color: 'name'}, {inverted: false, color: 'name'});
    assert.strictEqual(hash, '#node=99999');
});

test('a path leads to its node, or as far as there is one', () => {
    const model = p.modelOf({'main;a;b': 1, 'main;c;b': 1});
    const node = p.findPath(model, ['main', 'c', 'b']);
    assert.deepStrictEqual(p.pathOf(model, node), ['main', 'c', 'b']);
    assert.deepStrictEqual(p.pathOf(model, p.findPath(model, ['main', 'c', 'gone', 'b'])), ['main', 'c']);
    assert.deepStrictEqual(p.viewOf(model, {path: [], node: 99, group: null}), {node: 0, group: null});
    assert.strictEqual(p.viewOf(model, {path: ['main'], node: 0, group: {from: 0, to: 2, below: 1}}).group, null);
});

test('siblings stand in their order, as wide as their share', () => {
    const model = p.modelOf({'main;b': 1, 'main;a;x': 2, 'main;c': 1, main: 4});
    const layout = p.layOut(model.tree, {node: 0, group: null}, 800, 0.5);
    assert.strictEqual(layout.nRows, 4);
    assert.deepStrictEqual(names(model, layout, 2), ['a', 'b', 'c']);
    assert.deepStrictEqual([...layout.boxes.width.slice(2, 6)], [200, 100, 100, 200]);
    assert.strictEqual(p.boxAt(layout, 2, 250), 3);
    assert.strictEqual(p.boxAt(layout, 2, 500), -1); // main's own time
    assert.strictEqual(p.rowOf(layout, 5), 3);
});

test('narrow siblings are one box, and zooming into it shows them', () => {
    const stacks = {'main;wide': 100000};
    for (let i = 0; i < 5000; i++) stacks[`main;n${i}`] = 1;
    const model = p.modelOf(stacks);
    let view = {node: 0, group: null};
    let layout = p.layOut(model.tree, view, 1000, 0.5);
    assert.deepStrictEqual(names(model, layout, 2), ['other 5000', 'wide'].reverse());
    assert.ok(Math.abs(widthSum(layout, 2) - 1000) < 1e-6);
    for (let step = 0; step < 5; step++) { // box by box until single frames show
        const row = layout.nRows - 1;
        const box = layout.rowStart[row + 1] - 1, node = layout.boxes.node[box];
        if (node >= 0) break;
        const group = layout.groups[-1 - node];
        view = {node: group.parent, group};
        layout = p.layOut(model.tree, view, 1000, 0.5);
        assert.ok(Math.abs(widthSum(layout, layout.nRows - 1) - 1000) < 1e-6);
    }
    assert.match(names(model, layout, layout.nRows - 1)[0], /^n\d+$/);
});

test('100 000 levels are laid out without recursion', () => {
    const n = 100001;
    const tree = {n, level: new Uint32Array(n), parent: new Uint32Array(n), end: new Uint32Array(n).fill(n), total: new Float64Array(n).fill(1)};
    for (let i = 1; i < n; i++) tree.parent[i] = tree.level[i] = i - 1;
    assert.strictEqual(p.layOut(tree, {node: 0, group: null}, 1000, 0.5).nRows, n);
    const zoomed = p.layOut(tree, {node: 50000, group: null}, 1000, 0.5);
    assert.strictEqual(zoomed.nRows, n);
    assert.strictEqual(zoomed.zoomRow, 50000);
});

test('names are shortened as the table says that C is held to, too', () => {
    const table = path.join(p.WEB, '../tests/unit/views/short_names.tsv');
    const lines = fs.readFileSync(table, 'utf8').trimEnd().split('\n');
    assert.ok(lines.length > 20);
    for (const line of lines) {
        const [name, columns, right] = line.split('\t');
        assert.strictEqual(p.shorten(name, Number(columns)), right, line);
    }
});

test('values and shares are for people', () => {
    assert.strictEqual(p.formatValue(12310000000, 'nanoseconds'), '12.3 s');
    assert.strictEqual(p.formatValue(4 * 1024 * 1024, 'bytes'), '4.00 MiB');
    assert.strictEqual(p.formatNumber(1234567), '1\u202f234\u202f567');
    assert.strictEqual(p.formatShare(1, 3), '33.33 %');
    assert.strictEqual(p.formatShare(1, 1e9), '< 0.01 %');
    assert.strictEqual(p.formatShare(0, 0), '0.00 %');
});

test('a change has a level by its size, none within two standard errors, and an outline where a side has nothing', () => {
    const change = {runs: [1, 2], scale: [1, 2], sample: [1, 1]};
    assert.strictEqual(p.changeLevel(change, 300, 200), 4); // 100 a run in both
    assert.strictEqual(p.changeLevel(change, 10000 + 40000, 40000), 7); // twice as dear: a third
    assert.strictEqual(p.changeLevel(change, 10000 + 41000, 41000), 8);
    assert.strictEqual(p.changeLevel(change, 10000 + 21000, 21000), 5);
    assert.strictEqual(p.changeLevel(change, 10000 + 10000, 10000), 1);
    assert.strictEqual(p.changeLevel(change, 2, 0), 4); // two samples tell nothing
    assert.strictEqual(p.changeLevel({...change, sample: [0, 0]}, 2, 0), 0); // counted
    assert.strictEqual(p.changeClass(change, 1000, 0), 'd0 died');
    assert.strictEqual(p.changeClass(change, 1000, 1000), 'd8 born');
    assert.strictEqual(p.changeText(change, 300, 200), '+0.0 %');
    assert.strictEqual(p.changeText(change, 300, 0), 'gone');
});

test('a tree of a comparison has what is after, also of gathered boxes', () => {
    const model = p.modelOf({'main;a': 100, 'main;b': 1, 'main;c': 2});
    const tree = p.readData({...model, names: model.names, shared: 'A'.repeat(4), n_nodes: 5, n_frames: 4, self: ['A', 'A', p.putNumber(100), 'B', 'C'].join(''),
        node: 'AAEE', frame: 'DABC', file: 'AAAA', line: 'AAAA', hot_line: 'AAAA', module: 'AAAA', hue: 'AAAA',
        after: ['A', 'A', p.putNumber(60), 'B', 'A'].join('')}).tree;
    assert.deepStrictEqual([...tree.total], [103, 103, 100, 1, 2]);
    assert.deepStrictEqual([...tree.afterTotal], [61, 61, 60, 1, 0]);
    assert.strictEqual(p.afterOfGroup(tree, {parent: 1, from: 2, to: 5, below: 3}), 1);
});

test('no file of the page ends the CDATA it is embedded in, builds code from text, or asks the network', () => {
    for (const file of fs.readdirSync(p.WEB).filter((name) => /\.(js|css)$/.test(name))) {
        const text = fs.readFileSync(path.join(p.WEB, file), 'utf8');
        assert.ok(!text.includes(']]>'), file);
        assert.ok(!/\beval\b|new Function|innerHTML|fetch\(|XMLHttpRequest|@import|url\((?!#)/.test(text), file);
        const urls = text.match(/https?:\/\/[^'"\s]+/g) || [];
        for (const url of urls) assert.match(url, /^http:\/\/www\.w3\.org\//, file);
    }
});
