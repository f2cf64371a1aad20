// Search by regular expression.

// -> {regexp} or {error}
function compilePattern(pattern, ignoreCase) {
    try {
        return {regexp: new RegExp(pattern, ignoreCase ? 'iu' : 'u')};
    } catch (strict) {
        try {
            return {regexp: new RegExp(pattern, ignoreCase ? 'i' : '')}; // "\_" and the like
        } catch (error) {
            return {error: error.message};
        }
    }
}

// Which frames match; how much of everything lies under a match, each subtree counted once; and for every node
// how much of it does.
function searchTree(model, regexp) {
    const {tree} = model;
    const hits = Uint8Array.from(model.names, (name) => (regexp.test(name) ? 1 : 0));
    const matched = new Float64Array(tree.n);
    let nBoxes = 0;
    const isHit = (i) => !isOther(model, i) && hits[tree.frame[i]] === 1;
    for (let i = tree.n; i-- > 1;) {
        if (isHit(i)) {
            matched[i] = tree.total[i];
            nBoxes++;
        }
        matched[tree.parent[i]] += matched[i];
    }
    return {hits, matched, total: matched[0], nBoxes};
}
