// Boxes to SVG: one path per colour, so that ten thousand boxes are some dozen elements, and a text per name.

const SVG = 'http://www.w3.org/2000/svg';
const ROW = 18, BOX = 17; // px
const N_SHADES = 3;

function boxClass(model, layout, box, color) {
    const node = layout.boxes.node[box];
    if (node === 0) return 'a0';
    if (node < 0 || isOther(model, node)) return 'o0';
    const frame = model.tree.frame[node];
    if (model.change) return changeClass(model.change, model.tree.total[node], model.tree.afterTotal[node]);
    if (model.isPseudo[frame]) return 'p0';
    const [, moduleColor, isProgram] = model.modules[model.module[frame]];
    if (color === 'name') return (isProgram || model.module[frame] === 0 ? 'n' : 'l') + model.hue[frame];
    return `m${moduleColor * N_SHADES + model.hue[frame] % N_SHADES}`;
}

function boxName(model, layout, box) {
    const node = layout.boxes.node[box];
    return node < 0 ? `other (${formatNumber(layout.groups[-1 - node].n)})` : nameOf(model, node);
}

// matched: under a match; 'hit': is one; 'some': a gathered box that holds one.
function boxMatch(model, layout, box, search) {
    if (search === null) return '';
    const node = layout.boxes.node[box];
    if (node > 0 && !isOther(model, node)) return search.hits[model.tree.frame[node]] ? 'hit' : '';
    if (node >= 0) return '';
    const group = layout.groups[-1 - node], {tree} = model;
    for (let c = group.from; c < group.to; c = tree.end[c]) {
        if (tree.total[c] < group.below && search.matched[c] > 0) return 'some';
    }
    return '';
}

function boxPath(x, y, width) {
    if (width < 8) {
        const drawn = Math.max(width > 2 ? width - 0.6 : width, 0.4);
        return `M${x.toFixed(2)} ${y}h${drawn.toFixed(2)}v${BOX}h-${drawn.toFixed(2)}z`;
    }
    const side = (width - 4.6).toFixed(2);
    return `M${(x + 2).toFixed(2)} ${y}h${side}q2 0 2 2v${BOX - 4}q0 2-2 2h-${side}q-2 0-2-2v-${BOX - 4}q0-2 2-2z`;
}

function newElement(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    return element;
}

// The rows from first to last into 'svg' (emptied first).  yOf(row) is in its coordinates.
function drawRows(svg, page, first, last, yOf) {
    const {model, layout, color, search, columnWidth} = page;
    const {boxes, rowStart} = layout;
    const paths = new Map(); // by class
    const addPath = (name, path) => {
        const list = paths.get(name);
        if (list === undefined) paths.set(name, [path]);
        else list.push(path);
    };
    const texts = [];
    for (let row = first; row <= last; row++) {
        const y = yOf(row), isPast = row < layout.zoomRow ? ' past' : '';
        for (let box = rowStart[row]; box < rowStart[row + 1]; box++) {
            const x = boxes.x[box], width = boxes.width[box], node = boxes.node[box];
            const path = boxPath(x, y, width);
            const match = boxMatch(model, layout, box, search);
            addPath(match === 'hit' ? `hit${isPast}` : boxClass(model, layout, box, color) + isPast, path);
            if (match === 'some') addPath('some', path);
            if (node > 0 && model.tree.flags[node] & FLAG_INLINED && width >= 2) addPath('inl', path);
            if (width < 24) continue;
            const label = shorten(boxName(model, layout, box), Math.floor((width - 7) / columnWidth));
            if (label === '') continue;
            const text = newElement('text', {x: (x + 3.5).toFixed(2), y: y + 12.5});
            if (match === 'hit') text.setAttribute('class', 'on');
            else if (isPast) text.setAttribute('class', 'past');
            text.textContent = label;
            texts.push(text);
        }
    }
    const elements = [];
    const names = [...paths.keys()].sort((a, b) => (a === 'inl' || a === 'some') - (b === 'inl' || b === 'some'));
    for (const name of names) elements.push(newElement('path', {class: name, d: paths.get(name).join('')}));
    svg.replaceChildren(...elements, ...texts);
}
