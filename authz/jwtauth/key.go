package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
)

// minRSA is the shortest RSA key that is accepted, in bits (RFC 7518 §3.3).
const minRSA = 2048

func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil || k.N.BitLen() < minRSA {
			return fmt.Errorf("an RSA key of less than %d bits", minRSA)
		}
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil || curveAlgorithm(k) == "" {
			return errors.New("an elliptic curve other than P-256, P-384 and P-521")
		}
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return errors.New("an Ed25519 key of a wrong size")
		}
	default:
		return fmt.Errorf("a %T is not a public key", key)
	}
	return nil
}

// fits reports whether an algorithm is for keys of this kind. It prevents the use of a public key
// as a secret, and of a key for another curve.
func fits(algorithm string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, algorithm)
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithm(k)
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	default:
		return false
	}
}

// isFor reports whether a key may verify signatures of an algorithm.
func (k *Key) isFor(algorithm string) bool {
	return fits(algorithm, k.Public) && (k.Algorithm == "" || k.Algorithm == algorithm)
}

func curveAlgorithm(k *ecdsa.PublicKey) string {
	return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
}

// cloneKey returns a copy that shares no memory with a key. It refuses an invalid key, such as a
// point that is not on its curve.
func cloneKey(key crypto.PublicKey) (crypto.PublicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKIXPublicKey(der)
}

// keySet is the set of an issuer's keys. It does not change.
type keySet struct {
	keys []Key
	// leftOut describes, for errors, why keys of the set can't verify tokens; empty if all can.
	leftOut string
}

// candidates returns the keys that may have signed a token: the keys for its algorithm that have
// its id, and after them those without an id. If the token has no id, all keys for its algorithm.
func (s *keySet) candidates(h header) []Key {
	var named, unnamed []Key
	for _, k := range s.keys {
		switch {
		case !k.isFor(h.Algorithm):
		case k.ID == h.KeyID || h.KeyID == "":
			named = append(named, k)
		case k.ID == "":
			unnamed = append(unnamed, k)
		}
	}
	return append(named, unnamed...)
}

// contains reports whether a public key is one of keys.
func contains(keys []Key, public crypto.PublicKey) bool {
	p, ok := public.(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && slices.ContainsFunc(keys, func(k Key) bool { return p.Equal(k.Public) })
}

// parseJWKS returns the keys of a JSON Web Key Set that can verify tokens (RFC 7517 §5). It leaves
// out other keys and malformed ones: the rest of the set is usable. A set without keys is valid:
// the issuer has withdrawn them all. Several keys may have one id (§4.5).
func parseJWKS(data []byte) (*keySet, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("the JWKS is not a JSON object: %w", err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(members["keys"], &raw); err != nil || raw == nil {
		return nil, errors.New(`the JWKS has no list "keys"`)
	}
	set := new(keySet)
	var reasons []string
	for i, r := range raw {
		key, err := parseJWK(r)
		switch {
		case err != nil:
			reasons = append(reasons, fmt.Sprintf("key %d: %.100s", i, err))
		case !slices.ContainsFunc(set.keys, func(k Key) bool {
			return k.ID == key.ID && k.Algorithm == key.Algorithm && contains([]Key{k}, key.Public)
		}):
			set.keys = append(set.keys, key)
		}
	}
	switch {
	case len(raw) == 0:
		set.leftOut = "; the issuer's set is empty"
	case len(reasons) > 0:
		set.leftOut = fmt.Sprintf("; keys of the issuer's set that are left out: %d; %s",
			len(reasons), strings.Join(reasons[:min(len(reasons), 3)], "; "))
	}
	return set, nil
}

// jwk has the members of a JSON Web Key that are read. Certificates and private members are not: no
// token is verified by them.
type jwk struct {
	KTY    jwkset.KTY      `json:"kty"`
	USE    jwkset.USE      `json:"use"`
	KEYOPS []jwkset.KEYOPS `json:"key_ops"`
	ALG    jwkset.ALG      `json:"alg"`
	KID    string          `json:"kid"`
	CRV    jwkset.CRV      `json:"crv"`
	X      string          `json:"x"`
	Y      string          `json:"y"`
	N      string          `json:"n"`
	E      string          `json:"e"`
}

func parseJWK(raw json.RawMessage) (Key, error) {
	var m jwk
	if err := json.Unmarshal(raw, &m); err != nil {
		return Key{}, err
	}
	switch {
	case m.KTY != jwkset.KtyRSA && m.KTY != jwkset.KtyEC && m.KTY != jwkset.KtyOKP:
		return Key{}, fmt.Errorf("kty is %.32q", m.KTY)
	case m.USE != "" && m.USE != jwkset.UseSig:
		return Key{}, fmt.Errorf("use is %.32q", m.USE)
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return Key{}, errors.New("key_ops do not include verify")
	}
	read, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: m.KTY, ALG: m.ALG, KID: m.KID, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E,
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, err
	}
	key := Key{ID: m.KID, Algorithm: string(m.ALG), Public: read.Key()}
	if err := checkKey(key.Public); err != nil {
		return Key{}, err
	}
	if key.Algorithm != "" && !fits(key.Algorithm, key.Public) {
		return Key{}, fmt.Errorf("alg %.32q does not fit the key", key.Algorithm)
	}
	return key, nil
}
