package intercept

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
)

// refusedType is the type of the error for hosts that nothing serves. AWS has none of this name.
const refusedType = "NotServedByGatesockDevException"

// refusal says why a host was refused.
func refusal(host string) string {
	if strings.Contains(host, ".execute-api.") {
		return "gatesock dev: no API of this project has the host " + host + ". AWS was not called."
	}
	return "gatesock dev: nothing on this machine serves " + host + ". AWS was not called."
}

// refuse answers with an error in the form that SDKs expect of the service, so that they report its
// text. The status is one after which they don't try again.
func refuse(w http.ResponseWriter, r *http.Request, status int, host, message string) {
	contentType, body := refusalBody(r, host, message)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-ErrorType", refusedType)
	if contentType == "application/cbor" {
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // it fails if the client has gone
}

// refusalBody returns an error in the protocol of the service (Smithy, "AWS Protocols"): XML for
// S3, for requests that are forms and for those that have or want XML; CBOR; and JSON for all
// others.
func refusalBody(r *http.Request, host, message string) (contentType string, body []byte) {
	sent, wanted := r.Header.Get("Content-Type"), r.Header.Get("Accept")
	switch {
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		body = append(body, 0xa2) // a map of two
		for _, text := range []string{"__type", refusedType, "message", message} {
			body = appendCBOR(body, text)
		}
		return "application/cbor", body
	case isS3(host):
		return "application/xml", []byte("<Error><Code>" + refusedType + "</Code><Message>" + escapeXML(message) +
			"</Message></Error>")
	case strings.HasPrefix(sent, "application/x-www-form-urlencoded"),
		strings.Contains(sent, "xml"), strings.Contains(wanted, "xml"):
		return "text/xml", []byte("<ErrorResponse><Error><Type>Sender</Type><Code>" + refusedType + "</Code><Message>" +
			escapeXML(message) + "</Message></Error></ErrorResponse>")
	}
	body, err := json.Marshal(map[string]string{"__type": refusedType, "message": message})
	if err != nil {
		panic(err) // strings can't fail
	}
	return "application/json", body
}

// isS3 reports whether a host is one of S3, which has the bucket before it or behind.
func isS3(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "s3" || strings.HasPrefix(label, "s3-") {
			return true
		}
	}
	return false
}

func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder can't fail
	return b.String()
}

// appendCBOR appends a text shorter than 64 KiB (RFC 8949, section 3.1).
func appendCBOR(b []byte, text string) []byte {
	const major = 3 << 5
	switch n := len(text); {
	case n < 24:
		b = append(b, major|byte(n))
	case n < 1<<8:
		b = append(b, major|24, byte(n))
	default:
		b = append(b, major|25, byte(n>>8), byte(n))
	}
	return append(b, text...)
}
