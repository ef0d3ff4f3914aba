package jwtauth

import (
	"crypto"
	"crypto/sha256"
	"sync"
)

// signatures remembers which keys have signed which tokens. It holds nothing else of a token, so that a token seen
// before is checked like any other: its key must still be one of the issuer's, and its time must not be over.
//
// It has two generations: when the newer one is full, the older one is dropped.
type signatures struct {
	max int // of a generation; less than 1: nothing is remembered

	mu           sync.Mutex
	newer, older map[[sha256.Size]byte]crypto.PublicKey
}

// signer returns the key that signed a token, or nil.
func (s *signatures) signer(token [sha256.Size]byte) crypto.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.newer[token]; ok {
		return key
	}
	return s.older[token]
}

func (s *signatures) add(token [sha256.Size]byte, key crypto.PublicKey) {
	if s.max < 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.newer[token]; !there && len(s.newer) >= s.max {
		s.newer, s.older = nil, s.newer
	}
	if s.newer == nil {
		s.newer = make(map[[sha256.Size]byte]crypto.PublicKey)
	}
	s.newer[token] = key
}

func (s *signatures) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.newer) + len(s.older)
}
