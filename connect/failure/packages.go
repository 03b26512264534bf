package failure

import "strings"

// packageSet is a sketch of the packages that a trace's frames are of, by the first eight bytes of each: most of what the
// table asks for is known not to be there without a look at the frames.
type packageSet uint64

const allPackages = ^packageSet(0)

// prefixSize is how much of a frame the set knows.
const prefixSize = 8

func prefixOf(s string) uint64 {
	_ = s[prefixSize-1]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func packageBit(prefix uint64) packageSet { return 1 << (prefix * 0x9e3779b97f4a7c15 >> 58) }

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
	p.packages |= packageBit(prefix)
	if strings.IndexByte(s[:min(len(s), maxLoader)], '/') >= 0 { // a class loader or module stands first
		p.packages = allPackages
	}
}

// maxLoader bounds the name of a class loader and module in front of a frame.
const maxLoader = 48

// mayHold reports whether a frame can begin with one of the packages.
func (s packageSet) mayHold(packages []string) bool {
	for _, p := range packages {
		if len(p) < prefixSize || s&packageBit(prefixOf(p)) != 0 {
			return true
		}
	}
	return false
}
