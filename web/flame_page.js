// The page around the boxes: search, zoom, keys, details.

const MIN_WIDTH = 0.5; // px; narrower siblings are gathered
const REST_MS = 60; // a pointer on its way to the details does not change them

class FlamePage {
    constructor(model, root) {
        this.model = model;
        this.parts = buildPage(model);
        this.defaults = {inverted: model.inverted, color: model.color};
        this.view = {node: 0, group: null};
        this.search = null;
        this.cursor = 0; // the box that keys act on
        this.showsCursor = false;
        const frame = newElement('foreignObject', {x: 0, y: 0, width: '100%', height: '100%'});
        frame.append(this.parts.app);
        root.removeAttribute('viewBox');
        root.setAttribute('height', '100%');
        root.append(frame);
        this.columnWidth = this.measureColumn();
        this.listen();
        this.readHash();
        new ResizeObserver(() => this.resize()).observe(this.parts.chart);
    }

    measureColumn() {
        const probe = newElement('text', {});
        probe.textContent = 'm'.repeat(100);
        this.parts.svg.append(probe);
        const width = probe.getComputedTextLength() / 100;
        probe.remove();
        return width > 0 ? width : 6.62;
    }

    // ---- state and address ----

    stateNow() {
        return {
            path: pathOf(this.model, this.view.node), node: this.view.node, group: this.view.group,
            search: this.parts.search.value, ignoreCase: this.ignoreCase, inverted: this.inverted, color: this.color,
        };
    }

    readHash() {
        const state = decodeState(location.hash, this.defaults);
        this.inverted = state.inverted;
        this.color = state.color;
        this.ignoreCase = state.ignoreCase;
        this.parts.search.value = state.search;
        this.view = viewOf(this.model, state);
        this.findMatches();
        this.showButtons();
        this.layOutAgain();
    }

    // A zoom is a step that the browser's Back undoes; the rest replaces the address.
    writeHash(isStep) {
        const hash = encodeState(this.stateNow(), this.defaults);
        this.ownHash = hash;
        if (hash === location.hash) return;
        const address = location.href.replace(/#.*$/s, '') + hash;
        try {
            if (isStep) history.pushState(null, '', address);
            else history.replaceState(null, '', address);
        } catch (error) {
            location.hash = hash; // some browsers allow no history in files
        }
    }

    // ---- layout and drawing ----

    resize() {
        if (this.parts.chart.clientWidth !== this.width || this.parts.chart.clientHeight !== this.height) this.layOutAgain(true);
    }

    layOutAgain(keepsScroll) {
        const {chart, space} = this.parts;
        const atBottom = this.contentHeight - this.height - chart.scrollTop; // before the size changed
        const wanted = this.layout ? this.nodeOf(this.cursor) : -1;
        this.width = chart.clientWidth;
        this.height = chart.clientHeight;
        this.layout = layOut(this.model.tree, this.view, this.width - 12, MIN_WIDTH);
        this.contentHeight = Math.max(this.layout.nRows * ROW + 4, this.height);
        space.style.height = `${this.contentHeight}px`;
        if (chart.clientWidth !== this.width) { // a scroll bar came or went
            this.width = chart.clientWidth;
            this.layout = layOut(this.model.tree, this.view, this.width - 12, MIN_WIDTH);
        }
        if (keepsScroll) chart.scrollTop = this.inverted ? chart.scrollTop : this.contentHeight - this.height - atBottom;
        else this.scrollToRow(this.layout.zoomRow);
        const same = wanted > 0 && keepsScroll ? this.layout.boxes.node.indexOf(wanted) : -1;
        this.cursor = same >= 0 && same < this.layout.boxes.n ? same : this.layout.rowStart[this.layout.zoomRow];
        this.draw();
        this.placeCursor();
        this.showDetails(this.cursor);
        this.showMatched();
        this.parts.reset.disabled = this.view.node === 0 && this.view.group === null;
    }

    yOf(row) {
        return this.inverted ? row * ROW + 2 : this.contentHeight - (row + 1) * ROW - 1;
    }

    // The row with a few of its ancestors, the rest for what is above it.
    scrollToRow(row) {
        const shown = Math.min(3, row) * ROW;
        this.parts.chart.scrollTop = this.inverted ? this.yOf(row) - shown - 2 : this.yOf(row) + ROW + shown + 1 - this.height;
    }

    draw() {
        const {chart, svg, top} = this.parts;
        const above = Math.max(0, chart.scrollTop - this.height / 2);
        const below = Math.min(this.contentHeight, chart.scrollTop + this.height * 1.5);
        const rowAt = (y) => Math.floor(this.inverted ? (y - 2) / ROW : (this.contentHeight - 1 - y) / ROW);
        const [a, b] = [rowAt(above), rowAt(below)].sort((x, y) => x - y);
        this.drawn = {above, below, y: above};
        for (const element of [svg, top]) {
            element.style.top = `${above}px`;
            element.setAttribute('width', this.width);
            element.setAttribute('height', Math.max(below - above, 1));
        }
        svg.classList.toggle('searching', this.search !== null);
        drawRows(svg, this, Math.max(0, a), Math.min(this.layout.nRows - 1, b), (row) => this.yOf(row) - above);
        this.placeCursor();
        this.hover(-1);
    }

    onScroll() {
        const {scrollTop} = this.parts.chart;
        if ((scrollTop < this.drawn.above && this.drawn.above > 0) ||
            (scrollTop + this.height > this.drawn.below && this.drawn.below < this.contentHeight)) this.draw();
    }

    placeRect(rect, box) {
        const row = rowOf(this.layout, box);
        rect.setAttribute('x', this.layout.boxes.x[box]);
        rect.setAttribute('y', this.yOf(row) - this.drawn.y);
        rect.setAttribute('width', Math.max(this.layout.boxes.width[box] - 0.6, 1));
        return row;
    }

    placeCursor() {
        const {cursor, chart} = this.parts;
        const row = this.placeRect(cursor, this.cursor);
        cursor.style.display = this.showsCursor ? '' : 'none';
        cursor.setAttribute('aria-label', this.describe(this.cursor).join(', '));
        cursor.setAttribute('aria-level', row + 1);
        chart.setAttribute('aria-activedescendant', 'cursor');
    }

    // ---- what is said about a box ----

    nodeOf(box) {
        return this.layout.boxes.node[box];
    }

    valuesOf(box) {
        const node = this.nodeOf(box), {tree} = this.model;
        if (node < 0) {
            const group = this.layout.groups[-1 - node];
            return {self: 0, total: group.total, after: this.model.change ? afterOfGroup(tree, group) : 0};
        }
        return {self: tree.self[node], total: tree.total[node], after: this.model.change ? tree.afterTotal[node] : 0};
    }

    describe(box) {
        const {model} = this, node = this.nodeOf(box), {self, total, after} = this.valuesOf(box);
        const whole = model.tree.total[0];
        const value = (v) => `${formatValue(v, model.unit)} (${formatShare(v, whole)})`;
        const lines = [node < 0 || node === 0 ? boxName(model, this.layout, box) : nameOf(model, node)];
        if (node > 0 && !isOther(model, node)) {
            const frame = model.tree.frame[node];
            const file = model.files[model.file[frame]], line = model.line[frame] || model.hotLine[frame];
            if (file !== '') lines.push(line > 0 ? `${file}:${line}` : file);
            if (model.modules[model.module[frame]][0] !== '') lines.push(model.modules[model.module[frame]][0]);
            if (model.tree.flags[node] & FLAG_INLINED) lines.push('inlined');
        }
        if (node < 0) lines.push('too narrow to show: click to zoom in');
        else if (node > 0 && isOther(model, node)) lines.push('gathered to keep this file small');
        if (model.change) {
            if (node >= 0 && self > 0) lines.push(`own part ${changeDetails(model, self, model.tree.after[node])}`);
            lines.push(`with callees ${changeDetails(model, total, after)}`);
            return lines;
        }
        if (node >= 0) lines.push(`self ${value(self)}`);
        lines.push(`total ${value(total)}`);
        const zoomed = this.layout.boxes.node[this.layout.rowStart[this.layout.zoomRow]];
        if (zoomed !== 0 && rowOf(this.layout, box) > this.layout.zoomRow) {
            lines.push(`${formatShare(total, this.valuesOf(this.layout.rowStart[this.layout.zoomRow]).total)} of the zoom`);
        }
        return lines;
    }

    showDetails(box) {
        const [name, ...rest] = this.describe(box);
        this.described = box;
        this.parts.name.textContent = name;
        this.parts.place.replaceChildren(...rest.flatMap((text, i) => {
            const part = html('span', {}, text);
            return i > 0 ? [' · ', part] : [part];
        }));
    }

    hover(box, event) {
        const {over, tip} = this.parts;
        clearTimeout(this.rest);
        over.style.display = box < 0 ? 'none' : '';
        tip.style.display = box < 0 || !event ? 'none' : 'block';
        this.hovered = box;
        if (box < 0) return;
        this.placeRect(over, box);
        this.rest = setTimeout(() => this.showDetails(box), REST_MS);
        if (!event) return;
        const {total, after} = this.valuesOf(box), {model} = this;
        tip.replaceChildren(html('b', {}, this.describe(box)[0]), html('span', {}, model.change ? changeDetails(model, total, after)
            : `${formatValue(total, model.unit)} · ${formatShare(total, model.tree.total[0])}`));
        const {width, height} = tip.getBoundingClientRect();
        tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
        tip.style.top = `${event.clientY + 18 + height < innerHeight ? event.clientY + 18 : event.clientY - height - 10}px`;
    }

    async copy() {
        const text = this.describe(this.hovered >= 0 ? this.hovered : this.described).join('\n');
        try {
            await navigator.clipboard.writeText(text);
        } catch (error) {
            const area = html('textarea', {class: 'away'});
            area.value = text;
            this.parts.app.append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        this.parts.copy.textContent = 'Copied';
        setTimeout(() => { this.parts.copy.textContent = 'Copy'; }, 1000);
    }

    // ---- what people do ----

    zoomTo(box) {
        const node = this.nodeOf(box);
        this.zoom(node < 0 ? {node: this.layout.groups[-1 - node].parent, group: this.layout.groups[-1 - node]} : {node, group: null});
    }

    zoom(view) {
        this.view = view;
        this.layOutAgain();
        this.writeHash(true);
    }

    zoomOut() {
        if (this.view.group) this.zoom({node: this.view.node, group: null});
        else this.zoom({node: this.model.tree.parent[this.view.node], group: null});
    }

    findMatches() {
        const pattern = this.parts.search.value;
        const {regexp, error} = compilePattern(pattern, this.ignoreCase);
        this.error = error;
        this.search = pattern === '' || error ? null : searchTree(this.model, regexp);
    }

    showMatched() {
        const {search, model, parts} = this;
        parts.matched.classList.toggle('wrong', Boolean(this.error));
        if (this.error) parts.matched.textContent = this.error;
        else if (search === null) parts.matched.textContent = '';
        else {
            const shown = this.view.group === null && this.view.node > 0
                ? `, ${formatShare(search.matched[this.view.node], model.tree.total[this.view.node])} of the zoom` : '';
            parts.matched.textContent = `matched ${formatShare(search.total, model.tree.total[0])} in ${formatNumber(search.nBoxes)} ` +
                `${search.nBoxes === 1 ? 'box' : 'boxes'}${shown}`;
        }
    }

    searchAgain() {
        this.findMatches();
        this.showMatched();
        this.draw();
        this.writeHash(false);
    }

    set(name, value) {
        this[name] = value;
        this.showButtons();
        if (name === 'inverted') this.layOutAgain();
        else if (name === 'ignoreCase') this.searchAgain();
        else this.draw();
        this.writeHash(false);
    }

    showButtons() {
        const {parts, model} = this;
        parts.invert.setAttribute('aria-pressed', this.inverted);
        parts.ignoreCase.setAttribute('aria-pressed', this.ignoreCase);
        parts.color.textContent = model.change ? 'Colour: change' : this.color === 'name' ? 'Colour: name' : 'Colour: module';
        parts.color.disabled = Boolean(model.change) || model.modules.length === 1;
        const swatch = (name, text, title) => {
            const box = newElement('svg', {width: 11, height: 11, class: 'box'});
            for (const part of model.change ? [name] : name.split(' ')) box.append(newElement('rect', {class: part, width: 11, height: 11, rx: 2}));
            return html('span', {title: title || text}, box, text);
        };
        const items = [];
        if (model.hasInlined) items.push(swatch('a0 inl', 'inlined'));
        if (model.hasPseudo) items.push(swatch('p0', '[not a function]', 'Time or samples that belong to no function'));
        if (model.change) {
            items.unshift(...CHANGE_LEGEND.map(([name, text]) => swatch(name, text)), html('span', {}, 'width: before and after together'));
        } else if (this.color === 'name') {
            items.unshift(html('span', {}, 'Colour by name'));
            if (model.modules.length > 1) items.splice(1, 0, swatch('n4', 'program'), swatch('l4', 'library (paler)'));
        } else {
            const modules = model.modules.filter(([path]) => path !== '').sort((a, b) => a[1] - b[1]);
            items.unshift(...modules.slice(0, 40).map(([path, c]) => swatch(`m${c * N_SHADES + 1}`, baseName(path), path)));
        }
        parts.legend.replaceChildren(...items);
    }

    // ---- keys ----

    moveTo(box) {
        if (box < 0 || box >= this.layout.boxes.n) return false;
        this.cursor = box;
        this.showsCursor = true;
        const {chart} = this.parts;
        const y = this.yOf(rowOf(this.layout, box));
        if (y < chart.scrollTop + 4) chart.scrollTop = y - ROW;
        else if (y + ROW > chart.scrollTop + this.height) chart.scrollTop = y + 2 * ROW - this.height;
        this.onScroll();
        this.placeCursor();
        this.showDetails(box);
        return true;
    }

    // The box above the middle of the cursor (the widest near it), or below it.
    neighbour(step) {
        const {layout} = this, {boxes} = layout;
        const row = rowOf(layout, this.cursor) + step;
        if (row < 0 || row >= layout.nRows) return -1;
        const x = boxes.x[this.cursor], end = x + boxes.width[this.cursor];
        if (step < 0) return boxAt(layout, row, x + boxes.width[this.cursor] / 2);
        let best = -1;
        for (let box = layout.rowStart[row]; box < layout.rowStart[row + 1] && boxes.x[box] < end - 1e-9; box++) {
            if (boxes.x[box] >= x - 1e-9 && (best < 0 || boxes.width[box] > boxes.width[best])) best = box;
        }
        return best;
    }

    onChartKey(event) {
        const up = this.inverted ? -1 : 1;
        const row = rowOf(this.layout, this.cursor);
        const moves = {
            ArrowUp: () => this.moveTo(this.neighbour(up)), ArrowDown: () => this.moveTo(this.neighbour(-up)),
            ArrowLeft: () => this.cursor > this.layout.rowStart[row] && this.moveTo(this.cursor - 1),
            ArrowRight: () => this.cursor + 1 < this.layout.rowStart[row + 1] && this.moveTo(this.cursor + 1),
            Home: () => this.moveTo(this.layout.rowStart[row]), End: () => this.moveTo(this.layout.rowStart[row + 1] - 1),
            Enter: () => this.zoomTo(this.cursor), ' ': () => this.zoomTo(this.cursor), Backspace: () => this.zoomOut(),
        };
        if (event.key === 'Tab') { // past the last box the focus goes on
            if (this.showsCursor ? this.moveTo(this.cursor + (event.shiftKey ? -1 : 1)) : !event.shiftKey && this.moveTo(this.cursor)) event.preventDefault();
        } else if (moves[event.key]) {
            this.showsCursor = true;
            moves[event.key]();
            event.preventDefault();
        }
    }

    onKey(event) {
        const {search, chart} = this.parts;
        const isTyping = event.target === search;
        if (event.key === 'f' && (event.ctrlKey || event.metaKey) && !isTyping) { // the second time: the browser's own
            search.focus();
            search.select();
            event.preventDefault();
        } else if (event.ctrlKey || event.metaKey || event.altKey) {
            return;
        } else if (event.key === 'Escape') {
            this.escape();
            event.preventDefault();
        } else if (isTyping) {
            if (event.key === 'Enter') chart.focus();
        } else if (event.key === '/') {
            search.focus();
            search.select();
            event.preventDefault();
        } else if (event.key === 'c') this.copy();
        else if (event.key === 'i') this.set('inverted', !this.inverted);
        else if (event.key === 'm') this.switchColor();
        else if (event.key === '?') this.toggleHelp();
        else if (event.target === chart) this.onChartKey(event);
    }

    escape() {
        const {search, chart, keys} = this.parts;
        if (!keys.hidden) this.toggleHelp();
        else if (search.value !== '') {
            search.value = '';
            chart.focus({preventScroll: true});
            this.searchAgain();
        } else if (this.view.node !== 0 || this.view.group) {
            this.zoom({node: 0, group: null});
        } else {
            this.showsCursor = false;
            this.placeCursor();
            document.activeElement.blur();
        }
    }

    switchColor() {
        if (!this.parts.color.disabled) this.set('color', this.color === 'name' ? 'module' : 'name');
    }

    toggleHelp() {
        this.parts.keys.hidden = !this.parts.keys.hidden;
        this.parts.help.setAttribute('aria-expanded', !this.parts.keys.hidden);
    }

    boxOf(event) {
        const {left, top} = this.parts.space.getBoundingClientRect();
        const y = event.clientY - top;
        const row = Math.floor(this.inverted ? (y - 2) / ROW : (this.contentHeight - 1 - y) / ROW);
        return boxAt(this.layout, row, event.clientX - left);
    }

    listen() {
        const {parts} = this;
        parts.search.addEventListener('input', () => this.searchAgain());
        parts.ignoreCase.addEventListener('click', () => this.set('ignoreCase', !this.ignoreCase));
        parts.reset.addEventListener('click', () => this.zoom({node: 0, group: null}));
        parts.invert.addEventListener('click', () => this.set('inverted', !this.inverted));
        parts.color.addEventListener('click', () => this.switchColor());
        parts.help.addEventListener('click', () => this.toggleHelp());
        parts.copy.addEventListener('click', () => this.copy());
        parts.chart.addEventListener('scroll', () => this.onScroll(), {passive: true});
        parts.chart.addEventListener('pointermove', (event) => {
            if (event.pointerType === 'mouse') this.hover(this.boxOf(event), event);
        });
        parts.chart.addEventListener('focus', () => {
            this.showsCursor = this.showsCursor || parts.chart.matches(':focus-visible');
            this.placeCursor();
        });
        parts.chart.addEventListener('pointerleave', () => this.hover(-1));
        parts.chart.addEventListener('click', (event) => {
            const box = this.boxOf(event);
            if (box < 0) return;
            this.showsCursor = false;
            if (event.shiftKey) this.moveTo(box);
            else this.zoomTo(box);
        });
        addEventListener('keydown', (event) => this.onKey(event));
        addEventListener('hashchange', () => {
            if (location.hash !== this.ownHash) this.readHash();
        });
        addEventListener('popstate', () => {
            if (location.hash !== this.ownHash) this.readHash();
        });
    }
}

if (typeof document !== 'undefined') {
    const data = document.getElementById('pp-data');
    const model = readData(JSON.parse(data.textContent));
    data.remove();
    document.getElementById('pp-static').remove();
    new FlamePage(model, document.documentElement);
}
