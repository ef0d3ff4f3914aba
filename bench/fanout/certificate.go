package main

import (
	"crypto/x509"
	"errors"
)

// parseRoots reads the certificates to trust, in PEM.
func parseRoots(block string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(block)) {
		return nil, errors.New("the roots contain no certificate")
	}
	return pool, nil
}
