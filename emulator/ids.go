package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// Ids of the gateway are 11 bytes in URL-safe base64, with one "=": 4 bytes of a counter that advances every 25 ms,
// 4 bytes more, a byte that tells request ids from the others, and 2 bytes of which the last is a multiple of
// four (observed; see §2 of docs/gateway-facts.md).
const (
	idSize   = 11
	idLength = 16
	idTick   = 25 * time.Millisecond

	kindMessage byte = 0x02 // of connections and messages
	kindRequest byte = 0x05
)

// idEpoch is where the counter of us-east-1 stood at zero, in milliseconds since 1970, from two captures.
const idEpoch = 1622138982_000

// idSource makes ids. It is safe for concurrent use.
type idSource struct {
	last atomic.Uint64 // counter<<16 | sequence within the tick
	seed [4]byte       // what all ids have in common, and those of another gateway have not
}

func newIDSource(seed [4]byte) *idSource {
	seed[3] &^= 3
	return &idSource{seed: seed}
}

// randomSeed keeps apart the ids of gateways that share a store.
func randomSeed() (seed [4]byte) {
	_, _ = rand.Read(seed[:]) // it never fails
	return seed
}

// next gives an id that the source has not given before. Where more than 65,536 are asked for in one tick the
// counter runs ahead of the clock.
func (s *idSource) next(now time.Time, kind byte) string {
	n := s.reserve(now)
	b := [idSize]byte{
		byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n),
		s.seed[0], s.seed[1], kind, s.seed[2], s.seed[3],
	}
	var text [idLength]byte
	base64.URLEncoding.Encode(text[:], b[:])
	return string(text[:])
}

func (s *idSource) reserve(now time.Time) uint64 {
	tick := uint64(now.UnixMilli()-idEpoch) / uint64(idTick/time.Millisecond)
	floor := uint64(uint32(tick)) << 16
	for {
		last := s.last.Load()
		n := max(floor, last+1)
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

// newUUID makes a random UUID (RFC 9562, version 4), as the ids of requests to AWS's services are.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}

// validID tells whether id has the form of a connection id; the gateway answers 400 to others and 410 to unknown
// ones (observed: localstack#4694).
func validID(id string) bool {
	if len(id) != idLength || id[idLength-1] != '=' {
		return false
	}
	for i := range idLength - 1 {
		c := id[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
