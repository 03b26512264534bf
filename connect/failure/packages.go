package failure

import (
	"slices"
	"strings"
)

// packageSet says which of the packages that the built-in table asks for a trace's frames may be of, by the first eight
// bytes of each frame: most of what the table asks for is known not to be there without a look at the frames.
type packageSet uint64

const allPackages = ^packageSet(0)

// askedPackages are the beginnings of the packages that the built-in table asks for, one bit each. A package that is not
// here is looked for in the frames.
var askedPackages = func() (asked []uint64) {
	for _, f := range slices.Concat(registryFrames, binlogFrames) {
		if p := prefixOf(f); !slices.Contains(asked, p) {
			asked = append(asked, p)
		}
	}
	return asked
}()

// prefixSize is how much of a frame the set knows.
const prefixSize = 8

func prefixOf(s string) uint64 {
	_ = s[prefixSize-1]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// packageOf adds the frame that s begins with. Neighbours are often of one package.
func (p *parser) packageOf(s string) {
	if len(s) < prefixSize {
		return
	}
	prefix := prefixOf(s)
	if prefix == p.prefix {
		return
	}
	p.prefix = prefix
	if s[:prefixSize] == "java.bas" { // Java's own module
		return
	}
	for i, asked := range askedPackages {
		if asked == prefix {
			p.packages |= 1 << i
		}
	}
	if strings.IndexByte(s[:min(len(s), maxLoader)], '/') >= 0 { // a class loader or module stands first
		p.packages = allPackages
	}
}

// maxLoader bounds the name of a class loader and module in front of a frame.
const maxLoader = 48

// mayHold reports whether a frame can begin with one of the packages.
func (s packageSet) mayHold(packages []string) bool {
	for _, p := range packages {
		if len(p) < prefixSize {
			return true
		}
		if i := slices.Index(askedPackages, prefixOf(p)); i < 0 || s&(1<<i) != 0 {
			return true
		}
	}
	return false
}
