package jwtauth

import (
	"crypto"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

// signatures remembers which keys have signed which tokens. It holds nothing else of a token, so
// that a token that was seen before is checked like any other: its key must still be the issuer's,
// and its time must not be over. The zero value remembers nothing.
type signatures struct {
	mu     sync.Mutex
	tokens *bounded.Map[[sha256.Size]byte, signature]
}

// signature is the key that signed a token, and when the token expires.
type signature struct {
	key     crypto.PublicKey
	expires time.Time
}

// remember makes room for a number of tokens. Those that expire first make room for others.
func (s *signatures) remember(tokens int) {
	s.tokens = bounded.New[[sha256.Size]byte](tokens, func(s signature) int64 { return s.expires.Unix() })
}

// signer returns the key that signed a token, or nil.
func (s *signatures) signer(token [sha256.Size]byte) crypto.PublicKey {
	if s.tokens == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, _ := s.tokens.Get(token)
	return known.key
}

func (s *signatures) add(token [sha256.Size]byte, by signature) {
	if s.tokens == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.Set(token, by)
}
