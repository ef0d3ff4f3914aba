// Package sigv4 signs requests to the @connections endpoint with AWS Signature Version 4 (AWS Identity and Access
// Management User Guide, "Create a signed AWS API request").
//
// A [Signer] signs this one kind of request: no query, the headers host, x-amz-date, x-amz-security-token if there is a
// token, content-type, and content-length if there is a body. The result is that of the SDK's aws/signer/v4 for the
// same request, byte for byte, which a property test holds. What many requests have in common is done once: the
// payload's hash per message, and all that depends on the second and the credentials in a [Moment].
//
//	signer := sigv4.New(sigv4.Config{Region: "eu-west-1", Host: host, Path: "/prod", Retrieve: retrieve})
//	moment, err := signer.Moment(ctx)
//	if err != nil {
//		return err
//	}
//	header = moment.AppendAuthorization(header, sigv4.Request{
//		Method: "POST", ConnectionID: id, ContentLength: len(data), PayloadHash: sigv4.HashPayload(data),
//	})
//
// A [Claim] is the other end: what any request to execute-api says of its signature, in a header or presigned in its query,
// and whether that is true.
package sigv4
