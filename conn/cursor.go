package conn

import (
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
)

// A cursor of Memory is "1", the version of this form, and 24 bytes in base64: the two numbers of a
// position and a seal, which binds them to the store, the group and the shard.
const (
	cursorVersion = '1'
	cursorBytes   = 24
	cursorLen     = 1 + cursorBytes*4/3
)

func formatCursor(seed maphash.Seed, q Query, p position) Cursor {
	var b [cursorBytes]byte
	binary.BigEndian.PutUint64(b[0:], p.after)
	binary.BigEndian.PutUint64(b[8:], p.end)
	binary.BigEndian.PutUint64(b[16:], seal(seed, q, b[:16]))
	text := append(make([]byte, 0, cursorLen), cursorVersion)
	return Cursor(base64.RawURLEncoding.AppendEncode(text, b[:]))
}

func parseCursor(seed maphash.Seed, q Query) (position, error) {
	if len(q.After) != cursorLen || q.After[0] != cursorVersion {
		return position{}, ErrBadCursor
	}
	var b [cursorBytes]byte
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(q.After[1:]))
	if err != nil || n != cursorBytes || binary.BigEndian.Uint64(b[16:]) != seal(seed, q, b[:16]) {
		return position{}, ErrBadCursor
	}
	return position{after: binary.BigEndian.Uint64(b[0:]), end: binary.BigEndian.Uint64(b[8:])}, nil
}

func seal(seed maphash.Seed, q Query, numbers []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var shard [8]byte
	binary.BigEndian.PutUint64(shard[:], uint64(q.Shard))
	_, _ = h.Write(numbers) // a Hash gives no errors
	_, _ = h.Write(shard[:])
	_, _ = h.WriteString(q.Group)
	return h.Sum64()
}
