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

// WithCredentials signs each handshake with AWS Signature Version 4, in the header Authorization.
// The credentials need execute-api:Invoke on the API's $connect. They are retrieved before each
// attempt to connect; a provider that does not cache should be in an [aws.CredentialsCache].
//
// The region is that of the API, such as "eu-west-1". A clock that is wrong by more than 5 minutes
// makes all signatures invalid: the server refuses them with 403.
//
// WithCredentials panics if credentials is nil or region is empty.
func WithCredentials(credentials aws.CredentialsProvider, region string) client.Option {
	return client.WithSigner(signer("WithCredentials", credentials, region))
}

// Signer returns the function that signs the handshakes of [WithCredentials], for other clients,
// such as those of tests against a deployed stage:
//
//	wstest.WithSigner(iam.Signer(cfg.Credentials, cfg.Region))
//
// Signer panics if credentials is nil or region is empty.
func Signer(credentials aws.CredentialsProvider, region string) func(r *http.Request) error {
	return signer("Signer", credentials, region)
}

func signer(function string, credentials aws.CredentialsProvider, region string) func(r *http.Request) error {
	if credentials == nil || region == "" {
		panic("iam: " + function + ": credentials must not be nil, region must not be empty")
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
