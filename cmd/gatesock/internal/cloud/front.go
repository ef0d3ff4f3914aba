package cloud

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/awsquery"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Services returns the names of the services that it serves, as they stand in the credential scope
// of requests, in alphabetical order.
func (c *Cloud) Services() []string {
	services := []string{"events", "lambda", "secretsmanager", "sns", "sqs", "ssm", "sts"}
	if c.dynamo != nil {
		services = append([]string{"dynamodb"}, services...)
	}
	return services
}

// ServeHTTP serves a request to a service of AWS. It does not verify signatures. The service is
// that of the signature's credential scope; a request without one is told apart by its host, and
// then by its header X-Amz-Target.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	// A program that waits for messages or for a function does not hold up the end.
	defer context.AfterFunc(c.ctx, cancel)() //nolint:contextcheck // the caller's context ends it, too
	r = r.WithContext(ctx)
	name := ServiceOf(r)
	switch name {
	case "dynamodb":
		if c.dynamo != nil {
			c.dynamo.ServeHTTP(w, r)
			return
		}
		c.refuse(w, r, name, "gatesock dev runs no DynamoDB here: "+c.noDynamo())
	case "events":
		c.events.ServeHTTP(w, r)
	case "lambda":
		c.serveLambda(w, r)
	case "secretsmanager":
		c.secrets.ServeHTTP(w, r)
	case "sns":
		c.sns.ServeHTTP(w, r)
	case "sqs":
		c.queues.ServeHTTP(w, r)
	case "ssm":
		c.parameters.ServeHTTP(w, r)
	case "sts":
		c.sts.ServeHTTP(w, r)
	case "":
		c.refuse(w, r, "", "gatesock dev cannot tell which service of AWS this request is for: it has no signature, and its host names none")
	default:
		c.refuse(w, r, name, "gatesock dev does not serve "+oneline.Of(name, 60)+" ("+r.Method+" "+oneline.Of(operationOf(r), 120)+")")
	}
}

// operationOf returns what a request wants, as far as its header says it.
func operationOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	return r.Host + r.URL.Path
}

// ServiceOf returns the name of the service that a request is for, as it stands in the credential
// scope of signatures; empty if the request does not say it.
func ServiceOf(r *http.Request) string {
	if s := serviceOfScope(r); s != "" {
		return s
	}
	if s := serviceOfHost(r.Host); s != "" {
		return s
	}
	return serviceOfTarget(r)
}

// serviceOfScope reads KEY/DATE/REGION/SERVICE/aws4_request, or the same without a region.
func serviceOfScope(r *http.Request) string {
	scope := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		scope, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(strings.TrimSpace(scope), "/")
	if len(parts) < 4 || parts[len(parts)-1] != "aws4_request" {
		return ""
	}
	return parts[len(parts)-2]
}

// serviceOfHost reads SERVICE.REGION.amazonaws.com and its older and newer forms.
func serviceOfHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	rest := ""
	for _, domain := range []string{".amazonaws.com.cn", ".amazonaws.com", ".api.aws"} {
		if before, ok := strings.CutSuffix(host, domain); ok {
			rest = before
			break
		}
	}
	if rest == "" {
		return ""
	}
	labels := strings.Split(rest, ".")
	for _, label := range slices.Backward(labels) { // what comes before may be the name of a bucket
		switch label = strings.TrimSuffix(label, "-fips"); label {
		case "dynamodb", "ddb":
			return "dynamodb"
		case "sqs", "queue":
			return "sqs"
		case "events", "lambda", "s3", "secretsmanager", "sns", "ssm", "sts":
			return label
		}
	}
	return labels[0]
}

func serviceOfTarget(r *http.Request) string {
	prefix, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch prefix {
	case "AmazonSQS":
		return "sqs"
	case "DynamoDB_20120810", "DynamoDBStreams_20120810":
		return "dynamodb"
	case "AWSEvents":
		return "events"
	case "AmazonSSM":
		return "ssm"
	}
	return prefix
}

// refuse answers a request for a service that is not here, in a form that the request's SDK reads.
func (c *Cloud) refuse(w http.ResponseWriter, r *http.Request, service, text string) {
	c.refused(text)
	const code = "NotImplemented"
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(http.StatusNotImplemented)
		writeJSON(w, map[string]string{"__type": code, "message": text})
	case service == "s3":
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusNotImplemented)
		writeXMLError(w, code, text)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = w.Write(awsquery.EncodeError("urn:gatesock", "gatesock", "Sender", code, text)) // the caller may have gone
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(http.StatusNotImplemented)
		writeJSON(w, map[string]string{"__type": code, "message": text, "Message": text})
	}
}

func (c *Cloud) refused(text string) { c.log(Event{Kind: KindRefused, Text: text}) }

func (c *Cloud) notice(text string) { c.log(Event{Kind: KindNotice, Text: text}) }

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil { // of strings, numbers, lists and maps there is none
		panic(err)
	}
	_, _ = w.Write(body) // the caller may have gone
}

func writeXMLError(w http.ResponseWriter, code, text string) {
	_, _ = w.Write(awsquery.Error(code, text)) // the caller may have gone
}
