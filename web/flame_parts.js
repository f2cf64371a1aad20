// What the page is made of: its elements, and the keys it tells of.

const XHTML = 'http://www.w3.org/1999/xhtml';

const HELP = [
    ['click, Enter', 'zoom into the box'], ['Esc', 'end the search, then the zoom'], ['Backspace', 'zoom out one level'],
    ['/ or Ctrl-F', 'search by regular expression'], ['arrows, Tab', 'go from box to box'],
    ['c', 'copy the details'], ['i', 'root at the top or the bottom'], ['m', 'colour by module or name'],
];

function html(name, attributes = {}, ...children) {
    const element = document.createElementNS(XHTML, name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    element.append(...children);
    return element;
}

function buildPage(model) {
    const parts = {
        search: html('input', {type: 'search', placeholder: 'Search: regular expression', 'aria-label': 'Search by regular expression',
            spellcheck: 'false', autocomplete: 'off', id: 'search'}),
        ignoreCase: html('button', {title: 'Ignore case', 'aria-pressed': 'false', id: 'icase'}, 'Aa'),
        matched: html('output', {role: 'status', id: 'matched'}),
        reset: html('button', {title: 'Show everything (Esc)', id: 'reset'}, 'Reset zoom'),
        invert: html('button', {title: 'Root at the top or the bottom (i)', 'aria-pressed': 'false', id: 'invert'}, 'Invert'),
        color: html('button', {title: 'Colour by module or by name (m)', id: 'color'}),
        help: html('button', {title: 'Keys (?)', 'aria-expanded': 'false', id: 'help'}, '?'),
        chart: html('div', {class: 'chart', id: 'chart', tabindex: '0', role: 'tree',
            'aria-label': 'Flame graph; arrow keys go from box to box, Enter zooms, Escape shows everything'}),
        space: html('div', {class: 'space'}),
        name: html('div', {class: 'name', id: 'name'}),
        place: html('div', {class: 'place', id: 'place'}),
        copy: html('button', {title: 'Copy the details (c)', id: 'copy'}, 'Copy'),
        legend: html('div', {class: 'legend', id: 'legend'}),
        tip: html('div', {class: 'tip', 'aria-hidden': 'true'}),
        keys: html('dl', {class: 'keys', hidden: ''}),
        svg: newElement('svg', {class: 'box'}),
        cursor: newElement('rect', {class: 'cursor', height: BOX, rx: 2, role: 'treeitem', id: 'cursor'}),
        over: newElement('rect', {class: 'over', height: BOX, rx: 2}),
        top: newElement('svg', {class: 'box top'}),
    };
    parts.top.append(parts.over, parts.cursor);
    parts.space.append(parts.svg, parts.top);
    parts.chart.append(parts.space);
    for (const [keys, meaning] of HELP) parts.keys.append(html('dt', {}, keys), html('dd', {}, meaning));
    const mark = newElement('svg', {class: 'mark', width: 4});
    mark.append(newElement('rect', {class: 'k0', width: 4, height: '100%', rx: 2}));
    parts.app = html('div', {class: 'app'},
        html('header', {}, mark, html('div', {}, html('h1', {title: model.title}, model.title),
            html('p', {}, model.facts), html('p', {class: 'quality', id: 'quality'}, model.quality))),
        html('div', {class: 'bar', role: 'toolbar', 'aria-label': 'Flame graph'}, html('span', {class: 'find'}, parts.search, parts.ignoreCase),
            parts.matched, html('span', {class: 'gap'}), parts.reset, parts.invert, parts.color, parts.help),
        parts.chart,
        html('div', {class: 'details', 'aria-live': 'polite', id: 'details'}, html('div', {class: 'text'}, parts.name, parts.place), parts.copy),
        parts.legend, parts.tip, parts.keys);
    return parts;
}
