package redact

import (
	"encoding/base64"
	"strings"
)

// Text cuts secrets out of free text: the passwords of URLs, values of secret keys however they are written (k=v, k: v, JSON, JAAS,
// XML, query parameters), whole configurations that Connect prints (`Connector config {...}`), the rejected value of
// `Invalid value ... for configuration <secret>`, Authorization values, bearer and basic credentials, JSON web tokens and private keys.
// References to a config provider stay. It prefers cutting too much to showing one secret.
func Text(s string) string {
	return text(s, false)
}

func text(s string, whole bool) string {
	t := scanner{s: s, whole: whole}
	t.run()
	if t.copied == 0 {
		return s
	}
	t.b.WriteString(s[t.copied:])
	return t.b.String()
}

// scanner walks s once. Every look-ahead either consumes what it saw or remembers that it found nothing, so the time is linear.
type scanner struct {
	s       string
	whole   bool // s is one configuration value
	b       strings.Builder
	copied  int // s[:copied] is in b, as it was or cut
	braces  int // open { so far: inside them an unquoted value ends at ", key=" or }
	noAt    int // no '@' that matters before this position
	forConf int // cached position of the next " for configuration "
}

const (
	configDump    = "Connector config {"
	configDumpEnd = "} contains no connector type"
	invalidValue  = "Invalid value "
	forConfig     = " for configuration "
	longestKey    = 256
)

// cut replaces s[from:to] by the mask, keeping references, and returns to.
func (t *scanner) cut(from, to int) int {
	if from >= to || from < t.copied {
		return to
	}
	v := t.s[from:to]
	if IsMask(v) {
		return to
	}
	t.b.WriteString(t.s[t.copied:from])
	t.b.WriteString(maskAround(v))
	t.copied = to
	return to
}

func (t *scanner) run() {
	s := t.s
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ':' && strings.HasPrefix(s[i:], "://"):
			i = t.url(i + 3)
		case c == '-' && strings.HasPrefix(s[i:], "-----BEGIN "):
			i = t.pem(i)
		case isWord(c):
			i = t.word(i)
		default:
			switch c {
			case '{':
				t.braces++
			case '}':
				if t.braces > 0 {
					t.braces--
				}
			}
			i++
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c >= 0x80
}

// word handles the token that starts at i and returns where to go on.
func (t *scanner) word(i int) int {
	s := t.s
	end := i
	for end < len(s) && isWord(s[end]) && !strings.HasPrefix(s[end:], "-----BEGIN ") {
		end++
	}
	if end == i {
		return i + 1
	}
	w := s[i:end]
	switch {
	case w == "Connector" && strings.HasPrefix(s[i:], configDump):
		return t.dump(i + len(configDump))
	case w == "Invalid" && strings.HasPrefix(s[i:], invalidValue):
		return t.invalid(i + len(invalidValue))
	case strings.HasPrefix(w, "eyJ") && strings.Count(w, ".") >= 2 && len(w) > 20:
		return t.cut(i, end)
	case isScheme(w):
		if n := t.credentials(end, w); n > 0 {
			return n
		}
	case w == "thin" || w == "oci" || w == "oci8":
		if i > 0 && s[i-1] == ':' && end < len(s) && s[end] == ':' {
			return t.oracle(end + 1)
		}
	}
	if end-i > longestKey {
		return end
	}
	return t.pair(i, end)
}

// url handles what follows "://".
func (t *scanner) url(i int) int {
	s := t.s
	end, colon := i, -1
	for end < len(s) && !isURLEnd(s[end]) && s[end] != '/' && s[end] != '?' && s[end] != '#' {
		if ok, after := referenceAt(s, end); ok {
			end = after // what is inside a reference divides nothing
			continue
		}
		if s[end] == ':' && colon < 0 {
			colon = end - i
		}
		end++
	}
	at := strings.LastIndexByte(s[i:end], '@')
	if at < 0 && end > t.noAt && end < len(s) && !isURLEnd(s[end]) && !isHostPort(s[i:end]) {
		// A password may hold / ? # without being encoded: everything up to the last @ of the token is user info then.
		stop := end
		for stop < len(s) && !isURLEnd(s[stop]) {
			stop++
		}
		at = strings.LastIndexByte(s[i:stop], '@')
		if at < 0 {
			t.noAt = stop
		}
	}
	if at < 0 {
		return i
	}
	if colon >= 0 && colon < at {
		return t.cut(i+colon+1, i+at)
	}
	return t.cut(i, i+at)
}

func isURLEnd(c byte) bool {
	return c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '\\'
}

// isHostPort reports whether an authority is a plain host list, with no colon or with ports behind its colons.
func isHostPort(a string) bool {
	if strings.HasPrefix(a, "[") {
		return true
	}
	for part := range strings.SplitSeq(a, ",") {
		_, port, found := strings.Cut(part, ":")
		if !found {
			continue
		}
		for i := range len(port) {
			if (port[i] < '0' || port[i] > '9') && !isDatabaseParam(port[i:]) {
				return false
			}
			if port[i] == ';' {
				break
			}
		}
	}
	return true
}

// isDatabaseParam holds for the ;key=value list of a SQL Server URL, which comes right behind the port.
func isDatabaseParam(s string) bool { return strings.HasPrefix(s, ";") }

// oracle handles user/password@host behind jdbc:oracle:thin:.
func (t *scanner) oracle(i int) int {
	s := t.s
	if i < t.noAt {
		return i
	}
	end := i
	for end < len(s) && !isURLEnd(s[end]) {
		end++
	}
	at := strings.LastIndexByte(s[i:end], '@')
	if at < 0 {
		t.noAt = end
		return i
	}
	if slash := strings.IndexByte(s[i:i+at], '/'); slash >= 0 {
		return t.cut(i+slash+1, i+at)
	}
	return i + at
}

// pem cuts a private key, also one that is cut off or whose line breaks are written as \n.
func (t *scanner) pem(i int) int {
	s := t.s
	const begin, dashes = "-----BEGIN ", "-----"
	head := strings.Index(s[i+len(begin):], dashes)
	if head < 0 || head > 64 {
		return i + len(begin)
	}
	label := s[i+len(begin) : i+len(begin)+head]
	body := i + len(begin) + head + len(dashes)
	if !strings.Contains(label, "PRIVATE KEY") {
		return body
	}
	n := strings.Index(s[body:], "-----END ")
	if n < 0 {
		return t.cut(body, len(s))
	}
	return t.cut(body, body+n)
}

// dump cuts the whole configuration that Connect prints when it has no class: a password in it may hold ", " and "=".
func (t *scanner) dump(i int) int {
	s := t.s
	if n := strings.Index(s[i:], configDumpEnd); n >= 0 {
		return t.cut(i, i+n)
	}
	if n := strings.LastIndexByte(s[i:], '}'); n >= 0 {
		return t.cut(i, i+n)
	}
	return t.cut(i, len(s))
}

// invalid handles `Invalid value X for configuration K`.
func (t *scanner) invalid(i int) int {
	s := t.s
	if t.forConf < i {
		n := strings.Index(s[i:], forConfig)
		if n < 0 {
			n = len(s) - i
		}
		t.forConf = i + n
	}
	if t.forConf >= len(s) {
		return i
	}
	key := t.forConf + len(forConfig)
	end := key
	for end < len(s) && isWord(s[end]) && end-key < longestKey {
		end++
	}
	if !IsSecretKey(strings.TrimRight(s[key:end], ".")) {
		return i
	}
	return t.cut(i, t.forConf)
}

func isScheme(w string) bool {
	switch len(w) {
	case 5:
		return strings.EqualFold(w, "Basic")
	case 6:
		return strings.EqualFold(w, "Bearer") || strings.EqualFold(w, "Digest") || strings.EqualFold(w, "ApiKey")
	}
	return false
}

// credentials handles what follows the word Basic, Bearer, Digest or ApiKey. It returns 0 where that is prose ("Basic authentication failed").
func (t *scanner) credentials(i int, scheme string) int {
	s := t.s
	from := i
	for from < len(s) && s[from] == ' ' {
		from++
	}
	if from == i {
		return 0
	}
	end := from
	plain := true
	for end < len(s) && !isURLEnd(s[end]) && s[end] != ',' && s[end] != ';' && s[end] != ')' && s[end] != ']' && s[end] != '}' {
		if c := s[end] | 0x20; c < 'a' || c > 'z' {
			plain = false
		}
		end++
	}
	v := s[from:end]
	if v == "" || strings.HasPrefix(v, "${") || strings.HasPrefix(v, Mask[:len(Mask)-1]) {
		return 0
	}
	if strings.EqualFold(scheme, "Basic") {
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "="))
		if err != nil || !strings.Contains(string(raw), ":") {
			return 0
		}
		return t.cut(from, end)
	}
	if plain && len(v) < 20 || strings.HasSuffix(v, "=") && len(v) < 12 || strings.HasSuffix(v, ".") && len(v) < 20 {
		return 0
	}
	return t.cut(from, end)
}

// pair handles a secret key and its value; s[i:end] is the word that may be the key.
func (t *scanner) pair(i, end int) int {
	s := t.s
	key := strings.Trim(s[i:end], ".-")
	if !IsSecretKey(key) && !isQuerySecret(s, i, end) {
		return end
	}
	// XML: <password>...</password>
	if i > 0 && s[i-1] == '<' && end < len(s) && s[end] == '>' {
		n := strings.IndexByte(s[end:], '<')
		if n < 0 {
			return t.cut(end+1, len(s))
		}
		return t.cut(end+1, end+n)
	}
	p := end
	for p < len(s) && s[p] == '\\' {
		p++
	}
	quotedKey := p < len(s) && (s[p] == '"' || s[p] == '\'')
	if quotedKey {
		p++
	} else {
		p = end
	}
	blank := p
	p = skipBlanks(s, p)
	if p >= len(s) || s[p] != '=' && s[p] != ':' {
		return end
	}
	colon := s[p] == ':'
	spaced := p > blank
	p++
	if !colon && p < len(s) && s[p] == '>' {
		p++
	}
	v := skipBlanks(s, p)
	spaced = spaced || v > p
	if v >= len(s) {
		return v
	}
	if s[v] == '\n' || s[v] == '\r' {
		return v
	}
	return t.value(i, v, key, colon && spaced && !quotedKey)
}

// value cuts the value that starts at v; prose says that the key and the value may be words of a sentence ("access token: Connection refused").
func (t *scanner) value(keyAt, v int, key string, prose bool) int {
	s := t.s
	q := v
	for q < len(s) && s[q] == '\\' {
		q++
	}
	if q < len(s) && (s[q] == '"' || s[q] == '\'') {
		from := q + 1
		return t.cut(from, closing(s, from, s[q], q-v))
	}
	end := v
	lineStart := keyAt == 0 || s[keyAt-1] == '\n'
	lower := strings.ToLower(key)
	switch {
	case strings.HasSuffix(lower, "authorization") || strings.HasSuffix(lower, "cookie"):
		for end < len(s) && s[end] != '\n' && s[end] != '"' && s[end] != '\'' {
			end++
		}
	case s[v] == '{' && !prose:
		n := strings.IndexByte(s[v:], '}') // the braces of a SQL Server password
		if n < 0 {
			return t.cut(v, len(s))
		}
		end = v + n + 1
	case t.braces > 0:
		end = mapValueEnd(s, v)
	case lineStart && !prose:
		for end < len(s) && s[end] != '\n' && s[end] != '\r' {
			end++
		}
	default:
		list := byte(0)
		if t.whole && keyAt > 0 {
			list = s[keyAt-1]
		}
		for end < len(s) && !isValueEnd(s, end, list) {
			if start, stop := referenceAt(s, end); start {
				end = stop
				continue
			}
			end++
		}
		if prose && !lineStart && isSentence(s, keyAt, v, end) {
			return v
		}
	}
	if strings.HasPrefix(s[v:], Mask) && (v+len(Mask) >= end || isValueEnd(s, v+len(Mask), 0)) {
		return v + len(Mask)
	}
	if w := s[v:end]; w == "null" || isJDBCHint(s, keyAt, w) {
		return end
	}
	return t.cut(v, end)
}

func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// isValueEnd reports whether an unquoted value ends in front of s[i]. A separator or a closing bracket ends it only where something that
// can follow a value does: passwords hold them too. In a value that is one URL, list is the separator in front of the key and decides alone.
func isValueEnd(s string, i int, list byte) bool {
	c := s[i]
	switch list {
	case ';':
		return c == ';'
	case '?', '&':
		return c == '&'
	}
	switch c {
	case ',', ';', '&':
		if i+1 == len(s) || s[i+1] <= ' ' || s[i+1] == '"' || s[i+1] == '\'' || s[i+1] == '\\' {
			return true
		}
		k := i + 1
		for k < len(s) && k-i < longestKey && isWord(s[k]) {
			k++
		}
		return k > i+1 && k < len(s) && (s[k] == '=' || s[k] == ':')
	case ')', ']', '}', '"', '\'', '>':
		return i+1 == len(s) || s[i+1] <= ' ' || strings.IndexByte(",;&)]}\"'.:<>\\", s[i+1]) >= 0
	case '<':
		return i+1 < len(s) && s[i+1] == '/'
	case '\\':
		return i+1 < len(s) && (s[i+1] == '"' || s[i+1] == 'n')
	}
	return c <= ' '
}

// referenceAt reports whether a reference starts at i, and where it ends.
func referenceAt(s string, i int) (ok bool, end int) {
	if s[i] != '$' {
		return false, 0
	}
	limit := min(len(s), i+longestKey)
	start, end := reference(s[i:limit], 0)
	return start == 0, i + end
}

// closing finds the quote that ends a value opened by quote behind the given number of backslashes.
func closing(s string, from int, quote byte, slashes int) int {
	run := 0
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '\\':
			run++
			continue
		case quote:
			if run == slashes || run < slashes {
				return i - run
			}
			if slashes == 0 && run%2 == 0 {
				return i
			}
		}
		run = 0
	}
	return len(s)
}

// mapValueEnd finds where a value of Java's map text ends: at "}" or in front of ", key=".
func mapValueEnd(s string, v int) int {
	for i := v; i < len(s); i++ {
		switch s[i] {
		case '$':
			if ok, end := referenceAt(s, i); ok {
				i = end - 1
			}
		case '}', '\n':
			return i
		case ',':
			k := skipBlanks(s, i+1)
			for k < len(s) && k-i < longestKey && (isWord(s[k]) || s[k] == '"' || s[k] == '\\') {
				k++
			}
			if k > i+1 && k < len(s) && (s[k] == '=' || s[k] == ':') {
				return i
			}
		}
	}
	return len(s)
}

// isQuerySecret holds for the signature parameters of a URL: ?sig=, &X-Amz-Signature=.
func isQuerySecret(s string, i, end int) bool {
	if i == 0 || s[i-1] != '?' && s[i-1] != '&' || end >= len(s) || s[end] != '=' {
		return false
	}
	w := strings.ToLower(s[i:end])
	return w == "sig" || w == "key" || w == "code" || strings.HasSuffix(w, "signature")
}

// isSentence reports whether "key: value" is prose: a word stands before the key, and the value is a plain word that another follows.
func isSentence(s string, keyAt, v, end int) bool {
	if keyAt < 2 || s[keyAt-1] != ' ' || !isLower(s[keyAt-2]) || v >= end || end >= len(s) || s[end] != ' ' {
		return false
	}
	for i := v; i < end; i++ {
		if !isLower(s[i]) && (i > v || s[i] < 'A' || s[i] > 'Z') {
			return false
		}
	}
	return end+1 < len(s) && (isWord(s[end+1]) || s[end+1] == '(' || s[end+1] == '\'')
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// isJDBCHint keeps MySQL's "(using password: YES)": it says that one was sent, not which.
func isJDBCHint(s string, keyAt int, value string) bool {
	return (value == "YES" || value == "NO") && strings.HasSuffix(s[:keyAt], "using ")
}
