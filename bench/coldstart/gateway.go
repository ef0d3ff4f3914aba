package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"

	"github.com/gatesock/gatesock/bench/internal/certificate"
)

// serveGateway serves over TLS, and returns the certificate to trust in PEM.
func serveGateway(handler http.HandlerFunc) (*httptest.Server, []byte, error) {
	own, roots, err := certificate.New()
	if err != nil {
		return nil, nil, err
	}
	srv := httptest.NewUnstartedServer(handler)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	return srv, roots, nil
}
