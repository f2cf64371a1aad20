// The view as the part of the address behind '#', so that a link or a reload shows the same:
// #zoom=main;parse&other=12,80,5&search=foo&icase=1&invert=1&color=name

const MAX_PATH_LENGTH = 4000; // a deeper zoom is kept as the number of its node

function encodeState(state, defaults) {
    const parts = [];
    if (state.path.length > 0) {
        parts.push('zoom=' + state.path.map(encodeURIComponent).join(';'));
        if (parts[0].length > MAX_PATH_LENGTH) parts[0] = `node=${state.node}`;
    }
    if (state.group) parts.push(`other=${state.group.from},${state.group.to},${state.group.below}`);
    if (state.search !== '') parts.push('search=' + encodeURIComponent(state.search));
    if (state.ignoreCase) parts.push('icase=1');
    if (state.inverted !== defaults.inverted) parts.push(`invert=${state.inverted ? 1 : 0}`);
    if (state.color !== defaults.color) parts.push(`color=${state.color}`);
    return parts.length > 0 ? '#' + parts.join('&') : '';
}

function decodeText(text) {
    try {
        return decodeURIComponent(text);
    } catch (error) {
        return text; // typed by hand
    }
}

function decodeState(hash, defaults) {
    const state = {path: [], node: 0, group: null, search: '', ignoreCase: false, ...defaults};
    for (const part of hash.replace(/^#/, '').split('&')) {
        const equals = part.indexOf('=');
        const key = part.slice(0, equals), value = part.slice(equals + 1);
        if (key === 'zoom' && value !== '') state.path = value.split(';').map(decodeText);
        else if (key === 'node') state.node = Number(value) || 0;
        else if (key === 'search') state.search = decodeText(value);
        else if (key === 'icase') state.ignoreCase = value === '1';
        else if (key === 'invert') state.inverted = value === '1';
        else if (key === 'color' && (value === 'name' || value === 'module')) state.color = value;
        else if (key === 'other') {
            const [from, to, below] = value.split(',').map(Number);
            if (from >= 0 && to > from && below > 0) state.group = {from, to, below};
        }
    }
    return state;
}

// Names from below "all" to 'node'.
function pathOf(model, node) {
    const path = [];
    for (; node !== 0; node = model.tree.parent[node]) path.push(nameOf(model, node));
    return path.reverse();
}

// The node at the end of 'path', or the deepest one on the way that this picture has.
function findPath(model, path) {
    const {tree} = model;
    let node = 0;
    for (const name of path) {
        let child = node + 1;
        while (child < tree.end[node] && nameOf(model, child) !== name) child = tree.end[child];
        if (child >= tree.end[node]) break;
        node = child;
    }
    return node;
}

// What the state shows in this picture: {node, group}.
function viewOf(model, state) {
    const {tree} = model;
    const node = state.path.length > 0 ? findPath(model, state.path)
        : Number.isInteger(state.node) && state.node > 0 && state.node < tree.n ? state.node : 0;
    let group = null;
    if (state.group && state.group.from > node && state.group.to <= tree.end[node] &&
        tree.parent[state.group.from] === node &&
        (state.group.to === tree.end[node] || tree.parent[state.group.to] === node)) {
        group = {parent: node, ...state.group};
    }
    return {node, group};
}
