// Package iam connects a client to an API whose $connect route has IAM authorization (AWS_IAM):
//
//	cfg, err := config.LoadDefaultConfig(ctx) // of aws-sdk-go-v2
//	if err != nil {
//		return err
//	}
//	c, err := client.Connect(ctx, "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod",
//		iam.WithCredentials(cfg.Credentials, cfg.Region))
//
// It is apart from package client so that only programs that sign link the AWS SDK.
package iam

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gatesock/gatesock/client"
)

// service is the name of API Gateway in signatures.
const service = "execute-api"

// WithCredentials signs each handshake with AWS Signature Version 4, as [Signer] does.
//
// WithCredentials panics if credentials is nil or region is empty.
func WithCredentials(credentials aws.CredentialsProvider, region string) client.Option {
	if credentials == nil || region == "" {
		panic("iam: WithCredentials: credentials must not be nil, region must not be empty")
	}
	return client.WithSigner(Signer(credentials, region))
}

// Signer returns a function that signs the request of a handshake with AWS Signature Version 4, in
// the header Authorization, for WebSocket clients other than that of package client. The request
// must have all its headers and its query by then, but for the headers of the WebSocket protocol
// itself. The function may be called concurrently.
//
// The credentials need execute-api:Invoke on the API's $connect. They are retrieved before each
// handshake; a provider that does not cache should be in an [aws.CredentialsCache].
//
// The region is that of the API, such as "eu-west-1". A clock that is wrong by more than 5 minutes
// makes all signatures invalid: the server refuses them with 403.
//
// Signer panics if credentials is nil or region is empty.
func Signer(credentials aws.CredentialsProvider, region string) func(*http.Request) error {
	if credentials == nil || region == "" {
		panic("iam: Signer: credentials must not be nil, region must not be empty")
	}
	signer := v4.NewSigner()
	return func(r *http.Request) error {
		by, err := credentials.Retrieve(r.Context())
		if err != nil {
			return fmt.Errorf("iam: retrieving credentials: %w", err)
		}
		hash := sha256.Sum256(nil) // a handshake has no body
		err = signer.SignHTTP(r.Context(), by, r, hex.EncodeToString(hash[:]), service, region, time.Now())
		if err != nil {
			return fmt.Errorf("iam: signing the handshake: %w", err)
		}
		return nil
	}
}
