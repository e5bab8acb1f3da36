package expr

import (
	"slices"
	"unicode"
)

// The text of a part, found from the places of operators: cel-go keeps where an expression's operator stands, not
// where the expression ends.

// trim takes blanks, and parentheses around the whole, off the ends of text[from:to].
func trim(text []rune, from, to int) (int, int) {
	for {
		for from < to && unicode.IsSpace(text[from]) {
			from++
		}
		for from < to && unicode.IsSpace(text[to-1]) {
			to--
		}
		if to-from < 2 || text[from] != '(' || text[to-1] != ')' || !balanced(text[from+1:to-1]) {
			return from, to
		}
		from, to = from+1, to-1
	}
}

// balanced tells whether all that text opens it closes, and nothing else: brackets, texts and comments.
func balanced(text []rune) bool {
	var open []rune
	for i := 0; i < len(text); i++ {
		switch r := text[i]; r {
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != map[rune]rune{')': '(', ']': '[', '}': '{'}[r] {
				return false
			}
			open = open[:len(open)-1]
		case '"', '\'':
			end, ok := quoted(text, i)
			if !ok {
				return false
			}
			i = end
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				end := slices.Index(text[i:], '\n')
				if end < 0 {
					return len(open) == 0
				}
				i += end
			}
		}
	}
	return len(open) == 0
}

// quoted returns where the literal text that begins at i ends: one quote or three, raw or not.
func quoted(text []rune, i int) (end int, ok bool) {
	quote := text[i : i+1]
	if i+2 < len(text) && text[i+1] == quote[0] && text[i+2] == quote[0] {
		quote = text[i : i+3]
	}
	raw := i > 0 && (text[i-1] == 'r' || text[i-1] == 'R') && (i == 1 || !isNameRune(text[i-2]))
	for j := i + len(quote); j+len(quote) <= len(text); j++ {
		switch {
		case text[j] == '\\' && !raw:
			j++
		case slices.Equal(text[j:j+len(quote)], quote):
			return j + len(quote) - 1, true
		}
	}
	return 0, false
}

func isNameRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// position returns the line and column of the character at, both from 1.
func position(text []rune, at int) (line, column int) {
	line = 1
	start := 0
	for i, r := range text[:at] {
		if r == '\n' {
			line, start = line+1, i+1
		}
	}
	return line, at - start + 1
}
