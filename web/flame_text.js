// Text that fits and numbers for people; src/views/flamegraph_shorten.c and _text.c do the same for the
// picture without scripts.

function isWide(code) {
    return (code >= 0x1100 && code < 0x1200) || (code >= 0x2e80 && code < 0xd7a4) ||
        (code >= 0xf900 && code < 0xfb00) || (code >= 0xfe30 && code < 0xfe70) ||
        (code >= 0xff00 && code < 0xff61) || code >= 0x10000;
}

function columnsOf(text) {
    let columns = 0;
    for (const c of text) columns += isWide(c.codePointAt(0)) ? 2 : 1;
    return columns;
}

// The longest beginning of 'text' that fits.
function fitColumns(text, maxColumns) {
    let columns = 0, length = 0;
    for (const c of text) {
        columns += isWide(c.codePointAt(0)) ? 2 : 1;
        if (columns > maxColumns) break;
        length += c.length;
    }
    return text.slice(0, length);
}

const OPERATOR = /(?<!\w)operator(\(\)|->\*|->|<=>|<<=|>>=|<<|>>|<=|>=|<|>)/y;
const ANONYMOUS = '(anonymous namespace)';

function closingBracket(name, start) {
    const open = name[start], close = open === '<' ? '>' : ')';
    let depth = 0;
    for (let i = start; i < name.length; i++) {
        if (name[i] === open) depth++;
        else if (name[i] === close && !(close === '>' && name[i - 1] === '-') && --depth === 0) return i;
    }
    return -1;
}

// 'name' without the insides of brackets; null when they do not match.
function collapseBrackets(name) {
    let out = '';
    for (let i = 0; i < name.length;) {
        OPERATOR.lastIndex = i;
        const operator = name[i] === 'o' && OPERATOR.exec(name);
        if (operator) {
            out += operator[0];
            i += operator[0].length;
        } else if (name.startsWith(ANONYMOUS, i)) {
            out += '(anon)';
            i += ANONYMOUS.length;
        } else if (name[i] === '<' || name[i] === '(') {
            const end = closingBracket(name, i);
            if (end < 0) return null;
            out += end === i + 1 ? name.slice(i, end + 1) : name[i] === '<' ? '<…>' : '(…)';
            i = end + 1;
        } else {
            out += name[i++];
        }
    }
    return out;
}

// 'name' in at most maxColumns: whole, else without template arguments, parameters, leading scopes, else cut.
function shorten(name, maxColumns) {
    if (maxColumns < 3) return '';
    const fits = (text) => text.length * 2 <= maxColumns || columnsOf(text) <= maxColumns;
    if (fits(name)) return name;
    let text = collapseBrackets(name);
    if (text === null) text = name;
    else if (!fits(text)) text = text.replaceAll('(…)', '') || text;
    let before = '';
    while (!fits(before + text)) {
        const scope = text.indexOf('::');
        if (scope < 0) break;
        text = text.slice(scope + 2);
        if (columnsOf(text) + 1 <= maxColumns) before = '…';
    }
    if (fits(before + text)) return before + text;
    return fitColumns(text, maxColumns - 1) + '…';
}

function formatNumber(number) {
    return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

function scaledValue(value, unit) {
    return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

function formatValue(value, unit) {
    if (unit === 'nanoseconds') {
        if (value < 1e3) return `${value} ns`;
        if (value < 1e6) return scaledValue(value / 1e3, 'µs');
        if (value < 1e9) return scaledValue(value / 1e6, 'ms');
        if (value < 3600e9) return scaledValue(value / 1e9, 's');
        return scaledValue(value / 3600e9, 'h');
    }
    if (unit === 'bytes') {
        const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
        let i = 0;
        for (; value >= 1024 && i + 1 < units.length; i++) value /= 1024;
        return i === 0 ? `${value} B` : scaledValue(value, units[i]);
    }
    return formatNumber(value) + (unit === 'count' || unit === '' ? '' : ` ${unit}`);
}

function formatShare(part, whole) {
    const percent = whole > 0 ? 100 * part / whole : 0;
    return percent !== 0 && percent < 0.01 ? '< 0.01 %' : `${percent.toFixed(2)} %`;
}

function baseName(path) {
    return path.slice(path.lastIndexOf('/') + 1);
}
