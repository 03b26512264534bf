package failure

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// Messages carry data: the row that failed, the SQL with its parameters, the text that would not parse. The table says
// after which words a value begins and what ends it.
var valueMarkers = []struct {
	after string // in lower case
	until string // what ends the value and stays; empty for the end of the line
}{
	{"batch entry ", " was aborted"},
	{"failing row contains (", "\n"},
	{")=(", ")"},
	{"invalid value ", " for configuration"},
	{"duplicate entry '", "' for key"},
	{"duplicate key value is (", ")"},
	{"dup key: {", "}"},
	{"dup key: ", ""},
	{"string value: '", "' for column"},
	{"value: '", "'"},
	{"value: \"", "\""},
	{"value: {", ""},
	{"value '", "'"},
	{"value \"", "\""},
	{"value [", "]"},
	{"value (", ")"},
	{"value=", ""},
	{"truncated value: ", ""},
	{"the value ", " "},
	{"input string: \"", "\""},
	{"input string: ", ""},
	{"unparseable date: \"", "\""},
	{"unparseable number: \"", "\""},
	{"text '", "' could not"},
	{"unrecognized token '", "'"},
	{"but found '", "'"},
	{"but was '", "'"},
	{"out of range: \"", "\""},
	{"input syntax for type integer: \"", "\""},
	{"input syntax for type bigint: \"", "\""},
	{"input syntax for type numeric: \"", "\""},
	{"input syntax for type double precision: \"", "\""},
	{"input syntax for type uuid: \"", "\""},
	{"input syntax for type json", ""},
	{"input syntax for type timestamp: \"", "\""},
	{"input syntax for type date: \"", "\""},
	{"input value for enum ", ""},
	{"payload : ", ", error message"},
	{"payload: ", ", url"},
	{"payload=", ""},
	{"response content : ", ""},
	{"response content: ", ""},
	{"response body: ", ""},
	{"request body: ", ""},
	{"body: ", ""},
	{"body=", ""},
	{"details={", "}"},
	{"full response is ", ""},
	{"first element: ", ""},
	{"with id '", "'"},
	{"'s value: '", "'"},
	{"union field for data: ", ""},
	{"union datum: ", ""},
	{"sql [", "]"},
	{"sql: ", ""},
	{"sql = ", ""},
	{"query: ", ""},
	{"statement: ", ""},
	{"statement [", "]"},
	{"values (", ""},
	{"values(", ""},
	{"parameters: ", ""},
	{"parameters [", "]"},
	{"record: ", ""},
	{"record [", "]"},
	{"record value: ", ""},
	{"record key: ", ""},
	{"document: ", ""},
	{"document {", "}"},
	{"row: ", ""},
	{"row [", "]"},
	{"rows: ", ""},
	{"data: ", ""},
	{"struct{", "}"},
	{"java.util.date:", " to"},
	{"no enum constant for value ", ""},
	{"convert '", "'"},
	{"converting '", "'"},
	{"cannot convert '", "'"},
	{"cannot parse '", "'"},
	{"could not parse '", "'"},
	{"could not be converted: ", ""},
	{"malformed json: ", ""},
	{"string '", "'"},
	{"datum ", " "},
}

var markers = sync.OnceValue(func() *sieve {
	texts := make([]string, len(valueMarkers))
	for i, m := range valueMarkers {
		texts[i] = m.after
	}
	return newSieve(texts)
})

// redactInto appends the message to dst with its values replaced and its length bounded, and reports whether that
// changed anything.
func redactInto(dst []byte, m string) (out []byte, changed bool) {
	v := markers()
	limit := len(dst) + maxText
	low, from, i := 0, 0, 0 // where a marker may begin, what is copied, where a marker may end
	for {
		top := min(len(m), from+limit-len(dst)+1) // what comes later is not shown
		if top <= i {
			break
		}
		id, at := v.find(m[:top], low, i)
		if id < 0 {
			break
		}
		i = at
		end := valueEnd(m, at, valueMarkers[id].until, id == 0)
		if end == at || strings.HasPrefix(m[at:], redact.Mask) {
			continue
		}
		dst = append(dst, m[from:at]...)
		dst = append(dst, redact.Mask...)
		changed = true
		low, from, i = end, end, end
	}
	if room := limit + 1 - len(dst); room > 0 { // one byte more, to cut between characters
		dst = append(dst, m[from:min(len(m), from+room)]...)
	}
	if len(dst) > limit {
		dst = append(dst[:wordCut(dst, limit)], "..."...)
		changed = true
	}
	return dst, changed
}

// maxWord is how much of the last word is given up to cut between words.
const maxWord = 500

// wordCut returns where to cut text that is longer than limit. It cuts between words: half of a URL would show a password
// whose end, the @ that gives it away, is cut off. A URL in a longer word is cut off whole.
func wordCut(text []byte, limit int) int {
	for cut := limit; cut > max(0, limit-maxWord); cut-- {
		switch text[cut] {
		case ' ', '\n', '\t', '\r':
			return cut
		}
	}
	cut := limit
	for cut > max(0, limit-utf8.UTFMax) && !utf8.RuneStart(text[cut]) {
		cut--
	}
	word := bytes.LastIndexAny(text[:cut], " \n\t\r") + 1
	if i := bytes.Index(text[word:cut], []byte("://")); i >= 0 {
		return word + i
	}
	return cut
}

// valueEnd returns where the value that begins at from ends.
func valueEnd(m string, from int, until string, last bool) int {
	if until == "" || until == "\n" {
		if i := strings.IndexByte(m[from:], '\n'); i >= 0 {
			return from + i
		}
		return len(m)
	}
	rest := m[from:]
	var i int
	switch {
	case last:
		i = lastIndex(rest, until)
	case len(until) == 1:
		i = strings.Index(rest, until)
	default:
		i = indexFold(rest[:min(len(rest), 1<<16)], until)
	}
	if i < 0 {
		return valueEnd(m, from, "", false)
	}
	return from + i
}

// indexFold is strings.Index without regard to case; needle is in lower case.
func indexFold(s, needle string) int {
	for i := 0; i+len(needle) <= len(s); i++ {
		if fold(s[i]) == needle[0] && strings.EqualFold(s[i:i+len(needle)], needle) {
			return i
		}
	}
	return -1
}

// secretHints are what a text with a secret in it holds, in lower case; without any of them the text is left alone.
var secretHints = sync.OnceValue(func() *sieve {
	return newSieve([]string{
		"passw", "pass=", "passphrase", "passcode", "secret", "token=", "token:", "token\"", "token'", "tokens", "key=", "key:", "key\"", "key'", "credential", "pwd", "jaas", "bearer ", "basic ", "authorization:", "authorization=", "authorization\"",
		"config {", "sig=", "cookie", "sas=", "private", "eyj", "userinfo", "user.info", "user_info", "@", "pass:", "pass\"",
	})
})

// secretless cuts passwords, tokens and the like out of a text that may hold them.
func secretless(s string) string {
	if hint, _ := secretHints().find(s, 0, 0); hint >= 0 {
		return redact.Text(s)
	}
	return s
}

// unprintable reports whether a character has no place in one line: controls, line separators, what is no text at all.
func unprintable(r rune) bool {
	return r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029
}

// clean makes a name fit for one line: no control characters, bounded.
func clean(s string, limit int) string {
	bad := strings.IndexFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029
	}) >= 0
	if !bad && len(s) <= limit {
		return s
	}
	var b bytes.Buffer
	for _, r := range s {
		if b.Len() >= limit {
			b.WriteString("...")
			break
		}
		if unprintable(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
