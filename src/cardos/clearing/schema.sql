-- The centre's file, version 1.  Numbers are bigint (money in fen), bytes are upper-case hex, moments have no zone.
-- Records are never changed and never deleted; what was decided about them is in verdicts.

create table if not exists about (version bigint not null);

-- who is known
create table if not exists operators (operator bigint primary key, name text not null, fee_per_mille bigint not null);
create table if not exists sams (
    sam text, terminal text, operator bigint not null, first_serial bigint, test boolean not null,
    primary key (sam, terminal)
);
create table if not exists cards (
    issuer text, card_serial text, opening bigint not null, online_serial bigint not null,
    offline_serial bigint not null, test boolean not null,
    primary key (issuer, card_serial)
);
create table if not exists lists (version date primary key, valid_from date not null);
create table if not exists list_cards (version date, issuer text, card_serial text, primary key (version, issuer, card_serial));
create table if not exists kinds (type bigint primary key, transaction text, counter text, direction bigint);

-- what came in; state is a member of IngestState, only files of state new have records
create table if not exists files (
    file bigint primary key, sha256 text not null, name text not null, state text not null, problem text,
    operator bigint, sequence bigint, created timestamp, records bigint not null, unparsable bigint not null
);
create table if not exists records (
    file bigint, number bigint, type bigint, flag bigint, operator bigint, terminal text, sam text,
    terminal_serial bigint, moment timestamp, issuer text, card_serial text, serial bigint, balance bigint,
    amount bigint, key_version bigint, list_version date, tac text, tac_state text, identity text
);
create table if not exists unparsable (file bigint, number bigint, problem text, raw blob);

-- what was decided: since is the day of the first judgement, cleared that of the final one;
-- authentic: the card's money moved as the record says, and no other record says the same
create table if not exists verdicts (
    file bigint, number bigint, state text, reason text, authentic boolean, since date, cleared date
);
create table if not exists marks (file bigint, number bigint, reason text, day date);
create table if not exists days (day date primary key);
create table if not exists postings (day date, number bigint, debit text, credit text, amount bigint, reference text);
create table if not exists books (day date, account text, debit bigint, credit bigint, balance bigint);

create or replace view judged as
select r.*, v.state, v.reason, v.authentic, v.since, v.cleared, k.transaction, k.counter, k.direction,
       r.balance + k.direction * r.amount as after, f.name, f.sha256
from verdicts v join records r using (file, number) join files f using (file) left join kinds k using (type);

create or replace view refusals as
select f.name, f.sha256, v.file, v.number, v.reason, v.authentic, v.since, v.cleared, r.* exclude (file, number), u.problem, u.raw
from verdicts v join files f using (file)
left join records r using (file, number) left join unparsable u using (file, number)
where v.state = 'refused';
