package dynamo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/gatesock/gatesock/conn"
)

// A cursor is, in base64: the version of this format, the logarithm of the number of shards, a
// checksum, and the last connection id that was read. The checksum binds it to the table,
// namespace, group and shard. It is not a secret: a caller that makes up a cursor continues in the
// same group.
const (
	cursorVersion  = 1
	cursorChecksum = 8
	cursorHead     = 2 + cursorChecksum
)

func (cs *Connections) formatCursor(q conn.Query, p position) conn.Cursor {
	b := make([]byte, 0, cursorHead+len(p.after))
	b = append(b, cursorVersion, byte(bits.Len(uint(p.shards))-1))
	b = append(b, cs.checksum(q, p)...)
	b = append(b, p.after...)
	return conn.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func (cs *Connections) parseCursor(q conn.Query) (position, error) {
	b, err := base64.RawURLEncoding.DecodeString(string(q.After))
	switch {
	case err != nil:
		return position{}, fmt.Errorf("%w: it is not base64", conn.ErrBadCursor)
	case len(b) <= cursorHead || len(b) > cursorHead+MaxNameBytes:
		return position{}, fmt.Errorf("%w: it has %d bytes", conn.ErrBadCursor, len(b))
	case b[0] != cursorVersion:
		return position{}, fmt.Errorf("%w: it is of version %d, this store knows %d", conn.ErrBadCursor, b[0], cursorVersion)
	case b[1] >= 11: // 1 << 10 is maxShards
		return position{}, fmt.Errorf("%w: it is for 2^%d shards", conn.ErrBadCursor, b[1])
	}
	p := position{shards: 1 << b[1], after: string(b[cursorHead:])}
	if !bytes.Equal(b[2:cursorHead], cs.checksum(q, p)) || cs.formatCursor(q, p) != q.After {
		return position{}, fmt.Errorf("%w: it is damaged, or of another group or shard", conn.ErrBadCursor)
	}
	return p, nil
}

func (cs *Connections) checksum(q conn.Query, p position) []byte {
	h := sha256.New()
	for _, part := range []string{cs.t.Name, cs.t.Prefix, q.Group, p.after} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], uint64(p.shards))
	binary.BigEndian.PutUint64(numbers[8:], uint64(q.Shard))
	h.Write(numbers[:])
	return h.Sum(nil)[:cursorChecksum]
}
