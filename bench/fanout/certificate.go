package main

import (
	"crypto/x509"
	"errors"
)

// parseRoots reads what is to be trusted, in PEM.
func parseRoots(block string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(block)) {
		return nil, errors.New("no certificate in the roots")
	}
	return pool, nil
}
