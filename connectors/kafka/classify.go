package kafka

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

// class is what follows from an error of the brokers or the client. It is decided here only.
type class uint8

const (
	// classBroken: the session is of no more use, or the outcome of a commit is unknown. The worker closes the
	// session, opens a new one and restores: the changelog knows what happened.
	classBroken class = iota
	// classAborted: nothing of the epoch happened; the session goes on.
	classAborted
	// classPermanent: trying again can't help before a person has changed something.
	classPermanent
)

// classes lists the errors that have a class other than classBroken.
var classes = []struct {
	err   error
	class class
}{
	// The group moved on while the epoch ran, or its coordinator did.
	{kerr.RebalanceInProgress, classAborted},
	{kerr.IllegalGeneration, classAborted},
	{kerr.UnknownMemberID, classAborted},
	{kerr.CoordinatorNotAvailable, classAborted},
	{kerr.CoordinatorLoadInProgress, classAborted},
	{kerr.NotCoordinator, classAborted},
	{kerr.TransactionAbortable, classAborted},

	{kerr.TopicAuthorizationFailed, classPermanent},
	{kerr.GroupAuthorizationFailed, classPermanent},
	{kerr.ClusterAuthorizationFailed, classPermanent},
	{kerr.TransactionalIDAuthorizationFailed, classPermanent},
	{kerr.SaslAuthenticationFailed, classPermanent},
	{kerr.UnsupportedSaslMechanism, classPermanent},
	{kerr.IllegalSaslState, classPermanent},
	{kerr.UnsupportedVersion, classPermanent},
	{kerr.UnsupportedForMessageFormat, classPermanent},
	{kerr.InvalidTransactionTimeout, classPermanent},
	{kerr.InvalidSessionTimeout, classPermanent},
	{kerr.InconsistentGroupProtocol, classPermanent},
	{kerr.FencedInstanceID, classPermanent}, // another process runs with this instance's name
	{kerr.MessageTooLarge, classPermanent},
	{kerr.RecordListTooLarge, classPermanent},
	{kerr.InvalidRecord, classPermanent}, // a fact without a key: Kafka takes none in a compacted topic
	{kerr.PolicyViolation, classPermanent},
	{kerr.SecurityDisabled, classPermanent},
}

// classify returns the class of an error.
func classify(err error) class {
	if p := (permanent{}); errors.As(err, &p) {
		return classPermanent
	}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	if errors.As(err, &authority) || errors.As(err, &host) {
		return classPermanent
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return c.class
		}
	}
	return classBroken
}

// permanent marks an error that only a person can mend.
type permanent struct{ error }

// Unwrap returns the error itself.
func (p permanent) Unwrap() error { return p.error }

// ErrInDoubt says that a transaction may or may not have been committed. A new session and a restore find out.
var ErrInDoubt = errors.New("the outcome of the transaction is unknown")

// Permanent says whether an error of this package can't be overcome by trying again: the process should stop and
// say so (no permission, wrong credentials, brokers that are too old, settings that contradict the brokers').
func Permanent(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && classify(err) == classPermanent
}
