// A comparison: a box is as wide as before and after together, and its colour says what changed.
// src/views/flamegraph_diff.c does the same for the picture without scripts.

const LEVEL_BEGINS = [0, 0.05, 0.15, 1 / 3]; // of (after - before) / (after + before)
const NO_CHANGE = 4;

// 0 (much cheaper) to 8 (much dearer); 4 where the change is within two standard errors.
function changeLevel(change, total, after) {
    const before = (total - after) / change.scale[0], now = after / change.scale[1];
    const tilt = before + now > 0 ? (now - before) / (now + before) : 0;
    if (change.sample[0] > 0 && change.sample[1] > 0) {
        const n = (total - after) / change.sample[0] + after / change.sample[1];
        if (!(tilt * tilt * n > 4)) return NO_CHANGE;
    }
    let steps = 0;
    while (steps < NO_CHANGE && Math.abs(tilt) > LEVEL_BEGINS[steps]) steps++;
    return NO_CHANGE + (tilt > 0 ? steps : -steps);
}

function changeClass(change, total, after) {
    const outline = after === 0 ? ' died' : after === total ? ' born' : '';
    return `d${changeLevel(change, total, after)}${outline}`;
}

// "+25.0 %", "new", "gone"
function changeText(change, total, after) {
    if (after === 0) return 'gone';
    if (after === total) return 'new';
    const percent = 100 * (after / change.runs[1] / ((total - after) / change.runs[0]) - 1);
    return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

// "before 1.2 s (12 %), after 1.5 s (15 %), +25.0 %"; of a run, and of its side's whole.
function changeDetails(model, total, after) {
    const {change, unit, tree} = model;
    const side = (name, value, i, whole) => `${name} ${formatValue(Math.round(value / change.runs[i]), unit)} (${formatShare(value, whole)})`;
    return [side('before', total - after, 0, tree.total[0] - tree.afterTotal[0]), side('after', after, 1, tree.afterTotal[0]),
        changeText(change, total, after)].join(', ');
}

// What of a gathered box is after's.
function afterOfGroup(tree, group) {
    let after = 0;
    for (let c = group.from; c < group.to; c = tree.end[c]) {
        if (tree.total[c] < group.below) after += tree.afterTotal[c];
    }
    return after;
}

const CHANGE_LEGEND = [['d0', 'cheaper by half'], ['d2', 'cheaper'], ['d4', 'no more than chance'], ['d6', 'dearer'],
    ['d8', 'dearer by half'], ['d8 born', 'new'], ['d0 died', 'gone']];
