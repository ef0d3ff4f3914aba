package emulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator/internal/signature"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// IAM makes the gateway strict: @connections calls over HTTP must be signed with the credentials of one of the users (AWS
// Signature Version 4, service execute-api, the region of Config), and the user's policy must allow them; what is not is
// refused with 403 (§7 of docs/gateway-facts.md). [Gateway.Post] and its like are calls within a process: they are not
// signed.
type IAM struct {
	// Connect says that $connect has the authorization type AWS_IAM: handshakes must be signed too, in the header
	// Authorization or presigned in the query. There is no other Authorizer then.
	Connect bool
	// Users are those whose signatures count.
	Users []IAMUser
}

// IAMUser is somebody who signs.
type IAMUser struct {
	AccessKeyID, SecretAccessKey string
	// SessionToken is that of temporary credentials; empty for those that last.
	SessionToken string
	// ARN is the user's name in events and policies. Default "arn:aws:iam::{AccountID}:user/{AccessKeyID}", with
	// the partition of [Config.Region].
	ARN string
	// Policy is an IAM policy in JSON, with Effect, Action and Resource. Empty allows everything. Handshakes are the action
	// execute-api:Invoke on arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect, @connections calls
	// execute-api:ManageConnections on …/{stage}/{method}/@connections/{connectionId}: with "{connectionId}" as it stands
	// there, so that no policy can tell connections apart (observed, from the text of a refusal).
	Policy string
}

// iamUser is an IAMUser that was found valid.
type iamUser struct {
	IAMUser
	policy *policy // nil allows everything
}

// Actions of the policies.
const (
	actionInvoke = "execute-api:Invoke"
	actionManage = "execute-api:ManageConnections"
)

// newIAM gives the users by their access key ids; nil where no signature is looked at.
func newIAM(cfg Config) (map[string]iamUser, error) {
	if cfg.IAM == nil {
		return nil, nil
	}
	if cfg.IAM.Connect && cfg.Authorizer != nil {
		return nil, errors.New("a $connect has one authorization type: IAM.Connect or an Authorizer")
	}
	users := make(map[string]iamUser, len(cfg.IAM.Users))
	for _, u := range cfg.IAM.Users {
		setDefault(&u.ARN, cfg.arn("iam")+":"+cfg.AccountID+":user/"+u.AccessKeyID)
		user := iamUser{IAMUser: u}
		if _, twice := users[u.AccessKeyID]; twice {
			return nil, fmt.Errorf("user %q twice", u.AccessKeyID)
		}
		if u.AccessKeyID == "" || u.SecretAccessKey == "" {
			return nil, fmt.Errorf("user %q has no AccessKeyID or no SecretAccessKey", u.AccessKeyID)
		}
		if u.Policy != "" {
			if err := json.Unmarshal([]byte(u.Policy), &user.policy); err != nil {
				return nil, fmt.Errorf("user %q: the Policy: %w", u.AccessKeyID, err)
			}
			if err := user.policy.decide(actionInvoke, "*"); err != nil && !errors.Is(err, errDenied) {
				return nil, fmt.Errorf("user %q: %w", u.AccessKeyID, err)
			}
		}
		users[u.AccessKeyID] = user
	}
	return users, nil
}

// authenticate tells who signed a request, if that may do what it asks for. The error is a *signature.Error.
func (g *Gateway) authenticate(r *signature.Request, action, resource string) (iamUser, error) {
	claim, err := signature.ReadClaim(r)
	if err != nil {
		return iamUser{}, err
	}
	user, ok := g.iam[claim.AccessKeyID]
	if !ok || subtle.ConstantTimeCompare([]byte(claim.Token), []byte(user.SessionToken)) == 0 {
		return iamUser{}, &signature.Error{Type: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
	}
	if err := claim.Verify(r, user.SecretAccessKey, g.cfg.Region, g.cfg.Clock.Now()); err != nil {
		return iamUser{}, err
	}
	if user.policy != nil && user.policy.decide(action, g.stageARN(g.cfg.AccountID)+resource) != nil {
		masked := "********" + g.cfg.AccountID[max(0, len(g.cfg.AccountID)-4):]
		return iamUser{}, &signature.Error{
			Type:    "AccessDeniedException",
			Message: "User: " + user.ARN + " is not authorized to perform: " + action + " on resource: " + g.stageARN(masked) + resource,
		}
	}
	return user, nil
}

// signedHandshake tells who signed a handshake.
func (s *Session) signedHandshake(h *Handshake, st stamp) error {
	r := &signature.Request{
		Method: http.MethodGet, Path: h.path, Query: h.Query, Host: h.Host, Header: canonicalHeader(h.Header), PayloadHash: sigv4.HashPayload(nil),
	}
	setDefault(&r.Path, s.g.BasePath())
	setDefault(&r.Path, "/")
	setDefault(&r.Host, s.domain)
	user, err := s.g.authenticate(r, actionInvoke, gatesock.RouteConnect)
	var fault *signature.Error
	if errors.As(err, &fault) {
		return s.refuse(http.StatusForbidden, fault.Message, st)
	}
	h.user = user.IAMUser
	return err
}

// checkSignature tells if an @connections call is signed as it must be, and answers one that is not.
func (g *Gateway) checkSignature(w http.ResponseWriter, r *http.Request, payload []byte) bool {
	if g.iam == nil {
		return true
	}
	_, err := g.authenticate(&signature.Request{
		Method: r.Method, Path: wirePath(r), Query: parseQuery(r.URL.RawQuery), Host: r.Host, Header: r.Header, PayloadHash: sigv4.HashPayload(payload),
	}, actionManage, r.Method+"/@connections/{connectionId}")
	var fault *signature.Error
	if errors.As(err, &fault) {
		reason, _, _ := strings.Cut(fault.Message, "\n") // what follows is the request as it should have been signed
		g.cfg.Logger.Info("@connections call refused", logged("error", fault.Type+": "+reason))
		writeMessage(w, http.StatusForbidden, fault.Type, fault.Message)
	}
	return err == nil
}

// wirePath gives a request's path as it was sent, wherever the gateway is mounted.
func wirePath(r *http.Request) string {
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return u.EscapedPath()
	}
	return r.URL.EscapedPath()
}
