// The page's files as the picture carries them: in one function's scope, in meson's order.
const fs = require('node:fs');
const path = require('node:path');

const WEB = path.join(__dirname, '..');
const FILES = ['flame_data.js', 'flame_text.js', 'flame_diff.js', 'flame_layout.js', 'flame_search.js', 'flame_state.js'];
const NAMES = ['readColumn', 'readData', 'nameOf', 'isOther', 'shorten', 'columnsOf', 'formatValue', 'formatShare', 'formatNumber', 'changeLevel', 'changeClass', 'changeText', 'changeDetails', 'afterOfGroup',
    'layOut', 'boxAt', 'rowOf', 'groupTotal', 'compilePattern', 'searchTree', 'encodeState', 'decodeState', 'pathOf', 'findPath', 'viewOf'];

const source = FILES.map((file) => fs.readFileSync(path.join(WEB, file), 'utf8')).join('');
const page = new Function(`'use strict';\n${source}\nreturn {${NAMES.join(', ')}};`)();

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function putNumber(number) {
    let text = '';
    do {
        text += DIGITS[(number % 32) + (number > 31 ? 32 : 0)];
        number = Math.floor(number / 32);
    } while (number > 0);
    return text;
}

// A model of folded stacks: {'main;foo': 5, ...}.
function modelOf(stacks) {
    const root = {children: new Map(), self: 0};
    for (const [stack, value] of Object.entries(stacks)) {
        let node = root;
        for (const name of stack.split(';')) {
            if (!node.children.has(name)) node.children.set(name, {children: new Map(), self: 0});
            node = node.children.get(name);
        }
        node.self += value;
    }
    const names = [...new Set(Object.keys(stacks).flatMap((stack) => stack.split(';')))].sort();
    const data = {n_nodes: 1, n_frames: names.length, names, shared: 'A'.repeat(names.length), files: [''], modules: [['', 0, 1]],
        file: 'A'.repeat(names.length), line: 'A'.repeat(names.length), hot_line: 'A'.repeat(names.length),
        module: 'A'.repeat(names.length), hue: 'A'.repeat(names.length), node: '', frame: '', self: putNumber(root.self)};
    let before = 0;
    const open = [[root, 0, '']];
    while (open.length > 0) {
        const [node, level, name] = open.pop();
        if (node !== root) {
            data.n_nodes++;
            data.node += putNumber((before + 1 - level) * 4);
            data.frame += putNumber(names.indexOf(name));
            data.self += putNumber(node.self);
            before = level;
        }
        for (const [child, next] of [...node.children].sort((a, b) => (a[0] < b[0] ? 1 : -1))) open.push([next, level + 1, child]);
    }
    return page.readData(data);
}

module.exports = {...page, putNumber, modelOf, WEB, FILES};
