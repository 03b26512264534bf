package failure

import (
	"bytes"
	"encoding/binary"
	"strings"
)

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

type hash uint64

func (h *hash) byte(c byte) { *h = (*h ^ hash(c)) * fnvPrime }

func (h *hash) text(s string) {
	h.bytes([]byte(s)) // does not escape: not copied
	h.byte(0)
}

// bytes hashes eight bytes at a time.
func (h *hash) bytes(b []byte) {
	sum := *h
	for ; len(b) >= 8; b = b[8:] {
		sum = sum.mix(binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		last := uint64(len(b))
		for _, c := range b {
			last = last<<8 | uint64(c)
		}
		sum = sum.mix(last)
	}
	*h = sum
}

func (h hash) mix(v uint64) hash {
	h = (h ^ hash(v)) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// stable hashes a name whose digits are those of lambdas, proxies and generated classes.
func (h *hash) stable(s string) {
	from := 0
	for i := range len(s) {
		if c := s[i]; c >= '0' && c <= '9' {
			h.bytes([]byte(s[from:i]))
			from = i + 1
		}
	}
	h.bytes([]byte(s[from:]))
	h.byte(0)
}

// fingerprintSize is how many digits a fingerprint has.
const fingerprintSize = 16

func (h hash) appendTo(b []byte) []byte {
	const digits = "0123456789abcdef"
	for i := range fingerprintSize {
		b = append(b, digits[h>>(60-4*i)&15])
	}
	return b
}

func hashText(s string) string {
	h := hash(fnvOffset)
	h.text(s)
	return string(h.appendTo(nil))
}

// fingerprint names a cause: the pattern, the exception that decided, and its message without what differs between two
// occurrences of one cause. An unknown cause is known by the classes of the whole chain and where it was thrown.
func fingerprint(pattern string, t Trace, at int, message []byte) hash {
	h := hash(fnvOffset)
	h.text(pattern)
	e := &t.Chain[at]
	if pattern == "" {
		for i := range t.Chain {
			if t.Chain[i].Relation != RelationSuppressed {
				h.stable(t.Chain[i].Class)
			}
		}
	} else {
		h.stable(e.Class)
	}
	if pattern == "" || len(message) == 0 {
		for f := range e.Frames() {
			h.stable(f.Class)
			h.stable(f.Method)
			break
		}
	}
	if !strings.HasSuffix(e.Class, "UnknownHostException") { // its message is the host
		h.message(message)
	}
	return h
}

// message hashes the words of a message, hosts, numbers and ids left out.
func (h *hash) message(m []byte) {
	host := false // the word before says that a host follows
	sum := *h
	for i := 0; i < len(m); {
		if wordByte[m[i]] == delimiter {
			i++
			continue
		}
		j, kinds := i, uint8(0)
		for j < len(m) {
			kind := wordByte[m[j]]
			if kind == delimiter {
				break
			}
			kinds |= kind
			j++
		}
		word := m[i:j]
		i = j
		if kinds == letter && !host {
			sum.bytes(word)
		} else {
			for len(word) > 0 && (word[len(word)-1] == '.' || word[len(word)-1] == ':') {
				word = word[:len(word)-1]
			}
			switch {
			case len(word) == 0:
				continue
			case host || isHost(word):
				sum.byte('@')
			case kinds&digit == 0:
				sum.bytes(word)
			case isID(word):
				sum.byte('#')
			default:
				sum.word(word)
			}
		}
		sum.byte(' ')
		host = isHostWord(word[0], word)
	}
	*h = sum
}

// word hashes a word, each of its numbers as one sign: decimal, or hexadecimal in a part of its own.
func (h *hash) word(w []byte) {
	for i := 0; i < len(w); {
		if !isAlnum(w[i]) {
			h.byte(w[i])
			i++
			continue
		}
		j, digits, hex := i, false, true
		for j < len(w) && isAlnum(w[j]) {
			c := w[j]
			digits = digits || c >= '0' && c <= '9'
			hex = hex && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
			j++
		}
		if hex && digits {
			h.byte('#')
			i = j
			continue
		}
		number := false
		for ; i < j; i++ {
			if c := w[i]; c < '0' || c > '9' {
				h.byte(c)
				number = false
			} else if !number {
				h.byte('#')
				number = true
			}
		}
	}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// What a byte is to a word of a message; all but delimiter are bits.
const (
	letter    = 0 // or a sign no address or number has
	digit     = 1
	point     = 2 // a sign of an address
	delimiter = 4
)

// wordByte says what a byte is to a word of a message.
var wordByte = func() (t [256]uint8) {
	for c := range 256 {
		if c >= '0' && c <= '9' {
			t[c] = digit
		}
	}
	for _, c := range []byte(".:/@") {
		t[c] = point
	}
	for _, c := range []byte(" \t\r\n'\"`()[]{},;=<>|") {
		t[c] = delimiter
	}
	return t
}()

func isHostWord(first byte, w []byte) bool {
	if first|0x20 != 'h' && first != 'b' && first != 'e' {
		return false
	}
	switch string(w) {
	case "host", "hostname", "Host", "hosts", "host:", "broker", "endpoint":
		return true
	}
	return false
}

// isHost reports whether a word is an address: with a port, an IP address, a URL, or a name under a top-level domain.
func isHost(w []byte) bool {
	dots, digits, letters, colon, slash := 0, 0, 0, -1, false
	for i, c := range w {
		switch {
		case c == '.':
			dots++
		case c >= '0' && c <= '9':
			digits++
		case c == ':':
			if i+2 < len(w) && w[i+1] == '/' && w[i+2] == '/' {
				return true
			}
			colon = i
		case c == '/' || c == '@':
			slash = true
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		}
	}
	if colon > 0 && colon < len(w)-1 && len(w)-colon <= 6 && allDigits(w[colon+1:]) {
		return true
	}
	if dots == 3 && letters == 0 && digits >= 4 {
		return true
	}
	if dots == 0 || slash && dots < 3 {
		return false
	}
	last := w[bytes.LastIndexByte(w, '.')+1:]
	switch string(last) {
	case "com", "net", "org", "io", "local", "internal", "svc", "cloud", "lan", "invalid", "dev", "localdomain", "corp", "intra", "home", "eu", "de", "uk", "fr", "us", "app", "example", "test":
		return true
	}
	return slash && dots >= 3 && digits >= 4
}

func allDigits(w []byte) bool {
	for _, c := range w {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(w) > 0
}

// isID reports whether a word is a random id: long, of letters and digits mixed, or of both cases with digits.
func isID(w []byte) bool {
	if len(w) < 12 {
		return false
	}
	digits, lower, upper, other := 0, 0, 0, 0
	for _, c := range w {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c == '+' || c == '/' || c == '-' || c == '_':
			other++
		default:
			return false
		}
	}
	return len(w) >= 16 && digits >= 2 && (upper > 1 && lower > 1 && other <= 2 && digits+upper > lower/2 || digits*4 >= len(w))
}
