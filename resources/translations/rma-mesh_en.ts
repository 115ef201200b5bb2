<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_US" sourcelanguage="en_US">
<context>
    <name>Counted</name>
    <message numerus="yes">
        <source>Finishing %Ln request(s).</source>
        <translation>
            <numerusform>Finishing %Ln request.</numerusform>
            <numerusform>Finishing %Ln requests.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Finishing %Ln request(s) first.</source>
        <translation>
            <numerusform>Finishing %Ln request first.</numerusform>
            <numerusform>Finishing %Ln requests first.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Helping with %Ln service(s).</source>
        <translation>
            <numerusform>Helping with %Ln service.</numerusform>
            <numerusform>Helping with %Ln services.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln request(s)</source>
        <translation>
            <numerusform>%Ln request</numerusform>
            <numerusform>%Ln requests</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln request(s) in the last minute</source>
        <translation>
            <numerusform>%Ln request in the last minute</numerusform>
            <numerusform>%Ln requests in the last minute</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln computer(s)</source>
        <translation>
            <numerusform>%Ln computer</numerusform>
            <numerusform>%Ln computers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln other computer(s)</source>
        <translation>
            <numerusform>%Ln other computer</numerusform>
            <numerusform>%Ln other computers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln core</numerusform>
            <numerusform>%Ln cores</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln day(s) ago</source>
        <translation>
            <numerusform>%Ln day ago</numerusform>
            <numerusform>%Ln days ago</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln new entry(s)</source>
        <translation>
            <numerusform>%Ln new entry</numerusform>
            <numerusform>%Ln new entries</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln found</source>
        <translation>
            <numerusform>%Ln found</numerusform>
            <numerusform>%Ln found</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>It was the turn of {name} among %Ln computer(s).</source>
        <translation>
            <numerusform>It was the turn of {name}, the only computer.</numerusform>
            <numerusform>It was the turn of {name} among %Ln computers.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} had the fewest of our requests among %Ln computer(s).</source>
        <translation>
            <numerusform>{name} had the fewest of our requests among %Ln computer.</numerusform>
            <numerusform>{name} had the fewest of our requests among %Ln computers.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} was picked among the least busy of %Ln computer(s).</source>
        <translation>
            <numerusform>{name} was picked among the least busy of %Ln computer.</numerusform>
            <numerusform>{name} was picked among the least busy of %Ln computers.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} was picked among the least busy of %Ln computer(s), with a load of {load}.</source>
        <translation>
            <numerusform>{name} was picked among the least busy of %Ln computer, with a load of {load}.</numerusform>
            <numerusform>{name} was picked among the least busy of %Ln computers, with a load of {load}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln computer(s) were passed over, because they had failed too often.</source>
        <translation>
            <numerusform>One was passed over, because it had failed too often.</numerusform>
            <numerusform>%Ln were passed over, because they had failed too often.</numerusform>
        </translation>
    </message>
</context>
</TS>
