package topicwire

import (
	"fmt"
	"strconv"
)

// Digest sums up the members of a topic, in any order; see section 11.1 of docs/protocol.md. The
// zero Digest is that of no members.
type Digest struct {
	count int
	sum   uint32
}

// Add adds a member.
func (d *Digest) Add(ref string, version int64) {
	d.count++
	d.sum += memberHash(ref, version)
}

// String returns the digest as it is in frames.
func (d *Digest) String() string {
	return fmt.Sprintf("%d-%08x", d.count, d.sum)
}

// memberHash is the 32-bit FNV-1a hash of the text "ref:version".
func memberHash(ref string, version int64) uint32 {
	var digits [20]byte
	h := fnv1a(2166136261, ref)
	h = fnv1a(h, ":")
	return fnv1a(h, string(strconv.AppendInt(digits[:0], version, 10)))
}

func fnv1a(h uint32, text string) uint32 {
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return h
}
