package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

// minRSA is the shortest RSA key that is taken, in bits (RFC 7518 §3.3).
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
		return fmt.Errorf("a %T is no public key", key)
	}
	return nil
}

// fits tells if an algorithm is one for a key. It is what keeps a public key from being taken for a secret, and a key of one
// curve for another's.
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

func curveAlgorithm(k *ecdsa.PublicKey) string {
	return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
}

// parseJWKS reads the keys of a JSON Web Key Set that can verify tokens (RFC 7517 §5). Others are left out, as is one that is
// malformed: the rest of the set is still good.
func parseJWKS(data []byte) ([]Key, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("the JWKS is no JSON: %w", err)
	}
	var keys []Key
	var faults []error
	for i, raw := range set.Keys {
		key, err := parseJWK(raw)
		if err != nil {
			faults = append(faults, fmt.Errorf("key %d: %w", i, err))
			continue
		}
		if slices.ContainsFunc(keys, func(k Key) bool { return k.ID != "" && k.ID == key.ID }) {
			faults = append(faults, fmt.Errorf("key %d: there is another of id %q", i, key.ID))
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the JWKS has no key that can verify a token: %w", errors.Join(faults...))
	}
	return keys, nil
}

func parseJWK(raw json.RawMessage) (Key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return Key{}, err
	}
	switch {
	case m.KTY != jwkset.KtyRSA && m.KTY != jwkset.KtyEC && m.KTY != jwkset.KtyOKP:
		return Key{}, fmt.Errorf("its kty is %q", m.KTY)
	case m.USE != "" && m.USE != jwkset.UseSig:
		return Key{}, fmt.Errorf("its use is %q", m.USE)
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return Key{}, errors.New("its key_ops do not include verify")
	}
	// What a set says of certificates is nothing to verify a token by, and is not followed.
	m.X5U, m.X5C, m.X5T, m.X5TS256 = "", nil, "", ""
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, err
	}
	key := Key{ID: m.KID, Algorithm: string(m.ALG), Public: jwk.Key()}
	if err := checkKey(key.Public); err != nil {
		return Key{}, err
	}
	if key.Algorithm != "" && !fits(key.Algorithm, key.Public) {
		return Key{}, fmt.Errorf("its alg %q is not one for it", key.Algorithm)
	}
	return key, nil
}
